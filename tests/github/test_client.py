"""The port's five questions, asked over real HTTP."""

from datetime import UTC, datetime
from typing import Any

import pytest

from runs_fleet.errors import NameTaken, NotThere, Refused, RunnerBusy, Unavailable
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.client import GitHubClient, ScopeRule
from runs_fleet.models import Scope
from runs_fleet.ports import GitHub
from tests.github.scripted import JIT, Clock, Reply, ScriptedGitHub, error, example

ORG = Scope(repo="octo-org/octo-repo", org="octo-org", installation_id=7)
REPO = Scope(repo="octocat/hello", installation_id=7)
ORG_MINT = "POST /orgs/octo-org/actions/runners/generate-jitconfig"
REPO_MINT = "POST /repos/octocat/hello/actions/runners/generate-jitconfig"
GROUPS = "GET /orgs/octo-org/actions/runner-groups"
RUNNERS = "GET /repos/octocat/hello/actions/runners"
DELETE = "DELETE /repos/octocat/hello/actions/runners/23"
JOB = "GET /repos/octocat/hello/actions/jobs/399444496"
RERUN = "POST /repos/octocat/hello/actions/jobs/399444496/rerun"
RUN_JOBS = "GET /repos/octocat/hello/actions/runs/7/jobs"
MINTED = Reply(201, {**example("runner-jitconfig"), "encoded_jit_config": JIT})


def test_the_client_is_the_port(client: GitHubClient) -> None:
    port: GitHub = client
    assert port is client


def test_a_runner_is_minted_at_the_organization(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(ORG_MINT, MINTED)
    minted = client.mint(ORG, "runs-fleet-1-1", ["runs-fleet/cpu=2"])
    assert (minted.runner_id, minted.runner, minted.jit_config) == (23, "New runner", JIT)
    [seen] = github.asked(ORG_MINT)
    assert seen.body == {
        "name": "runs-fleet-1-1",
        "runner_group_id": 1,
        "labels": ["runs-fleet/cpu=2"],
        "work_folder": "_work",
    }


def test_every_call_says_what_github_wants_to_hear(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(ORG_MINT, MINTED)
    client.mint(ORG, "runs-fleet-1-1", ["x"])
    [seen] = github.asked(ORG_MINT)
    assert seen.headers["accept"] == "application/vnd.github+json"
    assert seen.headers["x-github-api-version"] == "2022-11-28"
    assert seen.headers["user-agent"].startswith("runs-fleet")
    assert seen.bearer == github.tokens[0]


@pytest.mark.parametrize(
    ("rule", "scope", "route"),
    [
        ("auto", ORG, ORG_MINT),
        ("org", ORG, ORG_MINT),
        ("repo", ORG, "POST /repos/octo-org/octo-repo/actions/runners/generate-jitconfig"),
        ("auto", REPO, REPO_MINT),
        ("repo", REPO, REPO_MINT),
    ],
)
def test_the_scope_rule_says_where_runners_register(
    api: GitHubApi, github: ScriptedGitHub, rule: ScopeRule, scope: Scope, route: str
) -> None:
    github.say(route, MINTED)
    GitHubClient(api, scope_rule=rule).mint(scope, "runs-fleet-1-1", ["x"])
    assert len(github.asked(route)) == 1


def test_a_repository_without_organization_is_refused_where_one_is_demanded(
    api: GitHubApi,
) -> None:
    with pytest.raises(Refused, match="octocat/hello belongs to no organization"):
        GitHubClient(api, scope_rule="org").mint(REPO, "runs-fleet-1-1", ["x"])


def test_labels_are_the_jobs_own_without_repeats(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(REPO_MINT, MINTED)
    client.mint(REPO, "runs-fleet-1-1", ["Runs-Fleet/cpu=2", "x", "runs-fleet/CPU=2", "X"])
    [seen] = github.asked(REPO_MINT)
    assert seen.body["labels"] == ["Runs-Fleet/cpu=2", "x"]


@pytest.mark.parametrize("labels", [[], [f"label-{n}" for n in range(101)]])
def test_too_many_and_too_few_labels_are_refused_without_a_call(
    client: GitHubClient, github: ScriptedGitHub, labels: list[str]
) -> None:
    with pytest.raises(Refused, match="1 to 100 labels"):
        client.mint(REPO, "runs-fleet-1-1", labels)
    assert github.seen == []


def test_a_runner_group_is_found_by_name_over_pages_and_remembered(
    api: GitHubApi, github: ScriptedGitHub, clock: Clock
) -> None:
    pages = example("runner-groups-org")["runner_groups"]
    link = {"Link": f'<{github.url}/orgs/octo-org/actions/runner-groups?page=2>; rel="next"'}
    github.say(
        GROUPS,
        Reply(200, {"runner_groups": pages[:2]}, link),
        Reply(200, {"runner_groups": pages[2:]}),
    )
    github.say(ORG_MINT, MINTED)
    client = GitHubClient(api, runner_group="Expensive-Hardware")
    client.mint(ORG, "runs-fleet-1-1", ["x"])
    client.mint(ORG, "runs-fleet-2-1", ["x"])
    assert [seen.body["runner_group_id"] for seen in github.asked(ORG_MINT)] == [3, 3]
    assert [seen.query["page"] for seen in github.asked(GROUPS)] == ["1", "2"]
    clock.now += 700
    client.mint(ORG, "runs-fleet-3-1", ["x"])
    assert len(github.asked(GROUPS)) == 3


def test_an_unknown_runner_group_is_refused_with_those_that_exist(
    api: GitHubApi, github: ScriptedGitHub
) -> None:
    github.say(GROUPS, Reply(200, example("runner-groups-org")))
    with pytest.raises(Refused, match=r"no runner group 'gpu'.*octo-runner-group"):
        GitHubClient(api, runner_group="gpu").mint(ORG, "runs-fleet-1-1", ["x"])


def test_repositories_have_only_the_default_group(api: GitHubApi, github: ScriptedGitHub) -> None:
    github.say(REPO_MINT, MINTED)
    GitHubClient(api, runner_group="gpu").mint(REPO, "runs-fleet-1-1", ["x"])
    assert github.asked(REPO_MINT)[0].body["runner_group_id"] == 1


def test_a_taken_name_is_told_as_such(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(REPO_MINT, error("409 generate-jitconfig duplicate name"))
    with pytest.raises(NameTaken, match="already exists"):
        client.mint(REPO, "runs-fleet-1-1", ["x"])


@pytest.mark.parametrize("name", ["422 labels empty", "422 no group"])
def test_a_bad_registration_is_refused(
    client: GitHubClient, github: ScriptedGitHub, name: str
) -> None:
    github.say(REPO_MINT, error(name))
    with pytest.raises(Refused, match="Invalid request"):
        client.mint(REPO, "runs-fleet-1-1", ["x"])


def test_registering_where_nothing_is_is_refused(client: GitHubClient) -> None:
    with pytest.raises(Refused, match="no such place"):
        client.mint(REPO, "runs-fleet-1-1", ["x"])


def test_a_runner_is_found_by_name_whatever_its_case(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(RUNNERS, Reply(200, example("runner-paginated")))
    found = client.find_runner(REPO, "LINUX_runner")
    assert found is not None
    assert (found.runner_id, found.online, found.busy) == (23, True, True)
    assert github.asked(RUNNERS)[0].query["name"] == "LINUX_runner"


def test_a_part_of_a_name_is_not_the_name(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(RUNNERS, Reply(200, example("runner-paginated")))
    assert client.find_runner(REPO, "linux_runne") is None


def test_a_runner_is_found_on_a_later_page(client: GitHubClient, github: ScriptedGitHub) -> None:
    link = {"Link": '<https://elsewhere.example/x?page=2>; rel="next"'}
    github.say(RUNNERS, Reply(200, {"runners": []}, link), Reply(200, example("runner-paginated")))
    found = client.find_runner(REPO, "mac_runner")
    assert found is not None
    assert not found.online


def test_a_registration_is_deleted(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(DELETE, Reply(204))
    client.delete_runner(REPO, 23)
    assert len(github.asked(DELETE)) == 1


def test_deleting_what_is_gone_is_a_success(client: GitHubClient, github: ScriptedGitHub) -> None:
    client.delete_runner(REPO, 23)
    assert len(github.asked(DELETE)) == 1


def test_a_working_runner_is_kept(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(DELETE, error("422 delete busy"))
    with pytest.raises(RunnerBusy):
        client.delete_runner(REPO, 23)


def test_a_concluded_job_tells_how(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, Reply(200, example("job")))
    event = client.job(REPO, 399444496)
    assert (event.phase, event.conclusion, event.source) == ("completed", "success", "rest")
    assert event.runner_name == "my runner"
    assert event.at == datetime(2020, 1, 20, 17, 44, 39, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        ("queued", "queued"),
        ("waiting", "queued"),
        ("requested", "queued"),
        ("pending", "queued"),
        ("something-new", "queued"),
        ("in_progress", "in_progress"),
        ("completed", "completed"),
    ],
)
def test_every_status_of_rest_is_one_of_three_phases(
    client: GitHubClient, github: ScriptedGitHub, status: str, phase: str
) -> None:
    body = {"id": 1, "status": status, "conclusion": None, "runner_name": ""}
    github.say(JOB, Reply(200, body))
    event = client.job(REPO, 399444496)
    assert (event.phase, event.conclusion, event.runner_name) == (phase, None, None)


def test_a_conclusion_counts_even_while_the_status_lags(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(JOB, Reply(200, {"id": 1, "status": "waiting", "conclusion": "cancelled"}))
    assert client.job(REPO, 399444496).phase == "completed"


def test_a_job_that_never_was_is_not_there(client: GitHubClient) -> None:
    with pytest.raises(NotThere):
        client.job(REPO, 399444496)


def test_a_job_is_run_again(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(RERUN, Reply(201, {}))
    client.rerun_job(REPO, 399444496)
    assert len(github.asked(RERUN)) == 1


RAN = {"id": 399444496, "run_id": 7, "name": "test", "status": "completed"}
TIMES = {"started_at": "2026-03-02T12:00:00Z", "completed_at": "2026-03-02T12:00:00Z"}
NOW = "2026-03-02T12:09:00Z"
LATER = {"started_at": "2026-03-02T12:06:00Z", "completed_at": "2026-03-02T12:07:00Z"}


@pytest.mark.parametrize(
    ("latest", "asked_for"),
    [
        ({"name": "test", "status": "queued"}, 0),
        ({"name": "test", "status": "completed", **LATER}, 0),
        ({"name": "test", "status": "completed", **TIMES}, 1),
        ({"name": "test", "status": "completed", **TIMES, "completed_at": NOW}, 1),
        ({"name": "lint", "status": "queued"}, 1),
        # Another job of the same name, in the same attempt.
        ({"run_attempt": 1, "name": "test", "status": "completed", **LATER}, 1),
        ({"id": 399444496, "name": "test", "status": "completed", **TIMES}, 1),
    ],
)
def test_a_rerun_that_may_have_been_asked_for_is_looked_for_first(
    client: GitHubClient, github: ScriptedGitHub, latest: dict[str, Any], asked_for: int
) -> None:
    github.say(JOB, Reply(200, {**RAN, **TIMES}))
    attempt = {"id": 5, "run_id": 7, "run_attempt": 2, **latest}
    github.say(RUN_JOBS, Reply(200, {"jobs": [attempt]}))
    github.say(RERUN, Reply(201, {}))
    client.rerun_job(REPO, 399444496, asked=True)
    assert len(github.asked(RERUN)) == asked_for


def test_of_jobs_of_one_name_none_is_taken_for_run_again_while_one_is_not(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    again = {"run_id": 7, "run_attempt": 2, "name": "test"}
    carried = {"id": 5, "status": "completed", **TIMES, **again}
    github.say(JOB, Reply(200, {**RAN, **TIMES}))
    github.say(RUN_JOBS, Reply(200, {"jobs": [carried, {"id": 6, "status": "queued", **again}]}))
    github.say(RERUN, Reply(201, {}))
    client.rerun_job(REPO, 399444496, asked=True)
    assert len(github.asked(RERUN)) == 1


def test_a_rerun_while_the_run_goes_on_may_be_asked_again(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(RERUN, Reply(403, {"message": "The workflow run is already running"}))
    with pytest.raises(Unavailable, match="already running"):
        client.rerun_job(REPO, 399444496)
