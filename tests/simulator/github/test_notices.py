"""Check runs and statuses, as apps write them on commits."""

from typing import Any

import pytest

from simulator.github import GitHubWorld, JobPlan, RunPlan
from tests.simulator.github.callers import LABELS, AppClient

CHECK = {
    "name": "runs-fleet: build",
    "external_id": "job-1",
    "status": "completed",
    "conclusion": "failure",
    "output": {"title": "No runner", "summary": "There is none."},
}


@pytest.fixture
def sha(app: AppClient, github: GitHubWorld) -> str:
    """A commit that the app may speak on."""
    repo = f"{app.owner}/app"
    run = github.create_run(RunPlan(repo=repo, jobs=(JobPlan(labels=LABELS, mute=True),)))
    return str(app.call("GET", f"/repos/{repo}/actions/jobs/{run.jobs[0]}").json()["head_sha"])


def test_a_check_run_is_listed_and_in_the_books(app: AppClient, sha: str) -> None:
    repo = f"/repos/{app.owner}/app"
    made = app.call("POST", f"{repo}/check-runs", json=CHECK | {"head_sha": sha})
    assert (made.status_code, made.json()["conclusion"]) == (201, "failure")
    listed = app.call("GET", f"{repo}/commits/{sha}/check-runs", params={"filter": "all"}).json()
    assert [each["external_id"] for each in listed["check_runs"]] == ["job-1"]
    [noted] = [each for each in app.world.books().notices if each.sha == sha]
    assert (noted.kind, noted.title) == ("check_run", "No runner")


def test_a_status_is_in_the_books(app: AppClient, sha: str) -> None:
    status = {"state": "error", "context": "x", "description": "No runner"}
    path = f"/repos/{app.owner}/app/statuses/{sha}"
    assert app.call("POST", path, json=status).status_code == 201
    [noted] = [each for each in app.world.books().notices if each.sha == sha]
    assert (noted.kind, noted.conclusion, noted.text) == ("status", "error", "No runner")


@pytest.mark.parametrize(
    "change",
    [
        {"head_sha": "0" * 40},
        {"name": None},
        {"conclusion": "bad"},
        {"output": {"title": "No text"}},
    ],
)
def test_a_check_run_that_github_would_not_take_is_refused(
    app: AppClient, sha: str, change: dict[str, Any]
) -> None:
    asked = {**CHECK, "head_sha": sha, **change}
    body = {key: value for key, value in asked.items() if value is not None}
    assert app.call("POST", f"/repos/{app.owner}/app/check-runs", json=body).status_code == 422


def test_a_long_description_is_refused(app: AppClient, sha: str) -> None:
    status = {"state": "error", "description": "x" * 141}
    path = f"/repos/{app.owner}/app/statuses/{sha}"
    assert app.call("POST", path, json=status).status_code == 422
