"""What happens to jobs: the rows of GitHub's behaviour, one test each, with a clock to turn."""

import pytest

from simulator.github.entities import HOSTED_GROUP
from simulator.github.hub import Conflict
from simulator.github.plans import JobPlan
from tests.simulator.github.callers import LABELS, Desk


def test_a_job_is_queued_runs_and_completes(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.hub.complete(session, job.id, "Succeeded")
    assert desk.actions(job) == ["queued", "in_progress", "completed"]
    assert (job.conclusion, job.taken_by) == ("success", ["r-1"])


@pytest.mark.parametrize(
    ("result", "conclusion"),
    [
        ("Succeeded", "success"),
        ("SucceededWithIssues", "success"),
        ("Failed", "failure"),
        ("Canceled", "cancelled"),
        ("Abandoned", "failure"),
    ],
)
def test_the_runners_result_becomes_the_conclusion(
    desk: Desk, result: str, conclusion: str
) -> None:
    job = desk.job()
    desk.hub.complete(desk.running(job), job.id, result)
    assert job.conclusion == conclusion


def test_a_waiting_job_is_announced_twice_and_queued_again_after_approval(desk: Desk) -> None:
    job = desk.job(kind="waiting")
    desk.hub.approve(job)
    said = [(action, status) for _, action, status in desk.events]
    assert said == [("waiting", "waiting"), ("queued", "waiting"), ("queued", "queued")]


def test_a_waiting_job_goes_to_nobody_until_it_is_approved(desk: Desk) -> None:
    session = desk.listening(desk.runner())
    job = desk.job(kind="waiting")
    assert not session.messages
    desk.hub.approve(job)
    assert session.messages[0] == {"type": "job", "job_id": job.id}


def test_a_skipped_job_is_only_ever_completed(desk: Desk) -> None:
    job = desk.job(kind="skipped")
    assert desk.events == [(job.id, "completed", "completed")]
    assert job.conclusion == "skipped"


def test_a_foreign_check_run_is_completed_without_labels_or_runner(desk: Desk) -> None:
    job = desk.job(kind="foreign", labels=())
    assert desk.events == [(job.id, "completed", "completed")]
    assert (job.labels, job.place, job.conclusion) == ((), None, "success")


def test_cancelling_a_queued_job_completes_it_without_a_start(desk: Desk) -> None:
    job = desk.job()
    desk.hub.cancel(job)
    assert desk.actions(job) == ["queued", "completed"]
    assert (job.conclusion, job.started_at, job.taken_by) == ("cancelled", job.completed_at, [])


def test_cancelling_an_offered_job_frees_its_runner(desk: Desk) -> None:
    session = desk.listening(desk.runner())
    job = desk.job()
    desk.hub.cancel(job)
    with pytest.raises(Conflict):
        desk.hub.acquire(session, job.id)
    assert session.runner.idle


def test_cancelling_a_running_job_asks_its_runner(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.hub.cancel(job)
    assert session.messages[-1] == {"type": "cancel", "job_id": job.id}
    assert job.status == "in_progress"
    desk.hub.complete(session, job.id, "Canceled")
    assert job.conclusion == "cancelled"


def test_a_runner_that_ignores_a_cancel_is_cut_off(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.hub.cancel(job)
    desk.pass_time(desk.hub.settings.cancel_timeout)
    assert (job.conclusion, session.runner.removed_how) == ("cancelled", "lease_lost")


def test_a_completed_job_cannot_be_cancelled(desk: Desk) -> None:
    job = desk.job(kind="skipped")
    with pytest.raises(Conflict):
        desk.hub.cancel(job)


def test_a_rerun_has_new_ids_and_carries_the_others_over_at_once(desk: Desk) -> None:
    failed, fine = desk.jobs(
        JobPlan(name="unit", labels=LABELS), JobPlan(name="lint", kind="foreign")
    )
    desk.hub.complete(desk.running(failed), failed.id, "Failed")
    desk.events.clear()
    (again,) = desk.hub.rerun(failed.run, [failed])
    carried = next(job for job in failed.run.jobs if job.carried_over)
    assert desk.events == [
        (carried.id, "completed", "completed"),
        (again.id, "queued", "queued"),
    ]
    assert {again.id, carried.id}.isdisjoint({failed.id, fine.id})
    assert (again.attempt, carried.attempt, carried.conclusion) == (2, 2, "success")


def test_a_run_that_still_works_cannot_be_rerun(desk: Desk) -> None:
    done, _ = desk.jobs(JobPlan(kind="skipped"), JobPlan(labels=LABELS))
    with pytest.raises(Conflict, match="already running"):
        desk.hub.rerun(done.run, [done])


def test_a_hosted_job_runs_on_github_itself(desk: Desk) -> None:
    job = desk.job(kind="hosted", labels=("ubuntu-latest",), seconds=3)
    desk.pass_time(desk.hub.settings.hosted_delay)
    assert job.place is not None
    assert (job.status, job.place.group_id) == ("in_progress", HOSTED_GROUP)
    desk.pass_time(3)
    assert desk.actions(job) == ["queued", "in_progress", "completed"]


def test_somebody_elses_runner_may_take_a_job(desk: Desk) -> None:
    job = desk.job(seconds=1)
    desk.hub.take(job, "somebody-elses-runner")
    assert job.place is not None
    assert job.place.runner_name == "somebody-elses-runner"
    desk.pass_time(1)
    assert job.conclusion == "success"


def test_the_run_id_is_put_into_labels(desk: Desk) -> None:
    job = desk.job(labels=("runs-fleet=${{ github.run_id }}/cpu=2",))
    assert job.labels == (f"runs-fleet={job.run.id}/cpu=2",)
