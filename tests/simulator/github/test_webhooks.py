"""Webhooks: what arrives, signed how, in which order, and how they get lost and found."""

import json

import pytest

from simulator.github import Chaos, GitHubWorld, JobPlan, RunPlan, Settings
from simulator.github.books import Books, DeliveryRecord
from tests.simulator.github.callers import (
    LABELS,
    AppClient,
    HookServer,
    eventually,
    signature,
)


def deliveries(github: GitHubWorld, run_jobs: tuple[int, ...]) -> list[DeliveryRecord]:
    """The finished deliveries of some jobs, oldest first."""

    def all_over(books: Books) -> bool:
        ours = [d for d in books.deliveries if d.job_id in run_jobs]
        return bool(ours) and all(d.status != "pending" for d in ours)

    books = github.until(all_over)
    return [d for d in books.deliveries if d.job_id in run_jobs]


def test_a_delivery_is_signed_and_carries_githubs_headers(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    run = github.create_run(
        RunPlan(repo=f"{owner}/app", jobs=(JobPlan(name="unit", labels=LABELS),))
    )
    deliveries(github, run.jobs)
    headers, body = hook.got[-1]
    assert headers["X-Hub-Signature-256"] == signature(github.webhook_secrets[0], body)
    assert headers["X-GitHub-Event"] == "workflow_job"
    assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
    assert headers["User-Agent"].startswith("GitHub-Hookshot/")
    payload = json.loads(body)
    assert payload["action"] == "queued"
    assert payload["workflow_job"]["id"] == run.jobs[0]
    assert payload["workflow_job"]["labels"] == list(LABELS)
    assert payload["repository"]["full_name"] == f"{owner}/app"
    assert payload["organization"]["login"] == owner
    assert payload["installation"]["id"]
    assert (payload["workflow_job"]["steps"], payload["workflow_job"]["runner_id"]) == ([], None)


def test_a_users_repository_has_no_organization(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    deliveries(github, github.create_run(RunPlan(repo=f"{owner}/app", org=False)).jobs)
    payload = json.loads(hook.got[-1][1])
    assert "organization" not in payload
    assert payload["repository"]["owner"]["type"] == "User"


@pytest.mark.parametrize("secrets", [("rotated",), ()], ids=["rotated", "unsigned"])
def test_the_secret_can_be_changed(
    github: GitHubWorld, hook: HookServer, owner: str, secrets: tuple[str, ...]
) -> None:
    github.sign_with(*secrets)
    deliveries(github, github.create_run(RunPlan(repo=f"{owner}/app")).jobs)
    headers, body = hook.got[-1]
    expected = {"rotated": signature("rotated", body)}
    assert headers.get("X-Hub-Signature-256") == expected.get("".join(secrets))


def test_a_gated_job_carries_its_deployment(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    run = github.create_run(
        RunPlan(repo=f"{owner}/app", jobs=(JobPlan(kind="waiting", labels=LABELS),))
    )
    github.approve(run.jobs[0])
    deliveries(github, run.jobs)
    seen = [json.loads(body) for _, body in hook.got]
    assert [(p["action"], p["workflow_job"]["status"], "deployment" in p) for p in seen] == [
        ("waiting", "waiting", False),
        ("queued", "waiting", True),
        ("queued", "queued", False),
    ]


@pytest.mark.parametrize("seed_jobs", range(4))
def test_a_cancelled_job_never_started_names_no_runner(
    github: GitHubWorld, hook: HookServer, owner: str, seed_jobs: int
) -> None:
    run = github.create_run(RunPlan(repo=f"{owner}/app", jobs=(JobPlan(labels=LABELS),)))
    github.cancel_job(run.jobs[0])
    deliveries(github, run.jobs)
    job = json.loads(hook.got[-1][1])["workflow_job"]
    assert (job["conclusion"], job["steps"]) == ("cancelled", [])
    assert (job["runner_id"], job["runner_name"]) in [(0, ""), (None, None)]
    assert job["started_at"] == job["completed_at"]


def test_a_failed_delivery_is_listed_and_redelivered_under_its_guid(
    app: AppClient, hook: HookServer
) -> None:
    hook.answers = 503
    run = app.world.create_run(RunPlan(repo=f"{app.owner}/app"))
    (lost,) = deliveries(app.world, run.jobs)
    listed = app.as_app("GET", "/app/hook/deliveries", params={"status": "failure"}).json()
    assert listed[0]["guid"] == lost.guid
    assert (listed[0]["status"], listed[0]["status_code"]) == ("Invalid HTTP Response: 503", 503)
    hook.answers = 200
    url = f"/app/hook/deliveries/{lost.id}"
    assert app.as_app("POST", f"{url}/attempts").status_code == 202
    found = app.world.until(lambda books: any(d.redelivery for d in books.deliveries))
    (again,) = [d for d in found.deliveries if d.redelivery and d.job_id == lost.job_id]
    eventually(lambda: len(hook.got) == 2)
    assert (again.guid, again.id == lost.id) == (lost.guid, False)
    assert hook.got[0][1] == hook.got[1][1]
    whole = app.as_app("GET", url).json()
    assert whole["request"]["payload"]["workflow_job"]["id"] == run.jobs[0]
    assert whole["request"]["headers"]["X-GitHub-Delivery"] == lost.guid


def test_deliveries_are_paged_by_cursor_newest_first(app: AppClient, hook: HookServer) -> None:
    run = app.world.create_run(RunPlan(repo=f"{app.owner}/app", jobs=(JobPlan(),) * 5))
    deliveries(app.world, run.jobs)
    first = app.as_app("GET", "/app/hook/deliveries", params={"per_page": 3})
    cursor = first.links["next"]["url"].partition("?")[2]
    second = app.as_app("GET", f"/app/hook/deliveries?{cursor}")
    ids = [item["id"] for item in first.json() + second.json()]
    assert len(ids) == 6
    assert ids == sorted(set(ids), reverse=True)


def test_a_receiver_that_does_not_answer_in_time_has_failed(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    github.configure(Settings(hook_timeout=0.1))
    hook.hold.clear()
    (late,) = deliveries(github, github.create_run(RunPlan(repo=f"{owner}/app")).jobs)
    assert (late.status, late.status_code) == ("timed out", 504)


def test_a_muted_job_is_never_announced_but_can_be_redelivered(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    run = github.create_run(RunPlan(repo=f"{owner}/app", jobs=(JobPlan(mute=True),)))
    (lost,) = deliveries(github, run.jobs)
    assert (lost.status, lost.sent_at, hook.got) == ("failed to connect", None, [])
    github.redeliver(lost.id)
    eventually(lambda: len(hook.got) == 1)


def test_app_and_organization_hooks_tell_the_same_twice(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    github.chaos(Chaos(hooks=("integration", "organization")))
    run = github.create_run(RunPlan(repo=f"{owner}/app"))
    both = deliveries(github, run.jobs)
    assert {d.hook for d in both} == {"integration", "organization"}
    assert len({d.guid for d in both}) == 1
    assert len({headers["X-GitHub-Hook-ID"] for headers, _ in hook.got}) == 2


def test_chaos_drops_and_doubles_about_as_often_as_asked(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    github.chaos(Chaos(drop=0.2, double=0.2, delay=0.05, reorder=0.2))
    run = github.create_run(RunPlan(repo=f"{owner}/app", jobs=(JobPlan(labels=LABELS),) * 200))
    made = deliveries(github, run.jobs)
    assert 210 < len(made) < 280
    dropped = [d for d in made if d.sent_at is None]
    assert 20 < len(dropped) < 90
    assert len(hook.got) == len(made) - len(dropped)


def test_the_events_of_one_job_arrive_in_order(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    github.chaos(Chaos(delay=0.05))
    jobs = (JobPlan(kind="hosted", labels=("ubuntu-latest",), seconds=0),) * 10
    run = github.create_run(RunPlan(repo=f"{owner}/app", jobs=jobs))
    github.until(lambda books: all(books.job(job).status == "completed" for job in run.jobs))
    deliveries(github, run.jobs)
    seen = [json.loads(body) for _, body in hook.got]
    first = [p["action"] for p in seen if p["workflow_job"]["id"] == run.jobs[0]]
    assert first == ["queued", "in_progress", "completed"]
    assert len(seen) == 30


def test_any_event_can_be_sent(github: GitHubWorld, hook: HookServer) -> None:
    github.send("ping", {"zen": "Keep it logically awesome.", "hook_id": 1})
    eventually(lambda: len(hook.got) == 1)
    assert hook.got[0][0]["X-GitHub-Event"] == "ping"


def test_a_burst_of_500_jobs_is_sent_within_seconds(
    github: GitHubWorld, hook: HookServer, owner: str
) -> None:
    jobs = tuple(JobPlan(name=f"m ({n})", labels=LABELS) for n in range(500))
    run = github.create_run(RunPlan(repo=f"{owner}/app", jobs=jobs))
    sent = [d.sent_at for d in deliveries(github, run.jobs) if d.sent_at]
    assert len(sent) == 500
    assert (max(sent) - min(sent)).total_seconds() < 10
