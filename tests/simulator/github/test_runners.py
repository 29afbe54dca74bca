"""Which job goes to which runner, and how runners come and go, with a clock to turn."""

import pytest

from simulator.github.hub import Conflict
from simulator.github.plans import JobPlan
from simulator.github.registry import NameTaken
from simulator.github.sessions import Deleted, SessionConflict
from tests.simulator.github.callers import LABELS, Desk


@pytest.mark.parametrize(
    ("runner_labels", "job_labels", "fits"),
    [
        (("a", "b"), ("a",), True),
        (("a",), ("a", "b"), False),
        (("linux",), ("LINUX",), True),
        (("Linux",), ("linux",), True),
        (("a",), (), False),
    ],
)
def test_a_runner_serves_jobs_whose_labels_it_has_without_case(
    desk: Desk, runner_labels: tuple[str, ...], job_labels: tuple[str, ...], fits: bool
) -> None:
    session = desk.listening(desk.runner(labels=runner_labels))
    desk.job(labels=job_labels)
    assert bool(session.messages) is fits


@pytest.mark.parametrize(
    ("scope", "repo", "fits"),
    [
        ("acme", "acme/app", True),
        ("acme", "other/app", False),
        ("acme/app", "acme/app", True),
        ("acme/app", "acme/web", False),
    ],
)
def test_a_runner_serves_its_own_scope(desk: Desk, scope: str, repo: str, fits: bool) -> None:
    session = desk.listening(desk.runner(scope=scope))
    desk.jobs(JobPlan(labels=LABELS), repo=repo)
    assert bool(session.messages) is fits


@pytest.mark.parametrize(("group_id", "fits"), [(3, True), (1, False)])
def test_a_job_that_names_only_a_group_goes_to_that_group(
    desk: Desk, group_id: int, fits: bool
) -> None:
    desk.hub.groups[3] = "gpu"
    session = desk.listening(desk.runner(group_id=group_id))
    desk.job(labels=(), group="gpu")
    assert bool(session.messages) is fits


def test_the_oldest_job_goes_first_whoever_the_runner_was_made_for(desk: Desk) -> None:
    older, newer = desk.jobs(JobPlan(name="a", labels=LABELS), JobPlan(name="b", labels=LABELS))
    session = desk.listening(desk.runner(f"runs-fleet-{newer.id}-1"))
    assert session.messages[0]["job_id"] == older.id


def test_a_job_that_is_not_picked_up_is_offered_again(desk: Desk) -> None:
    job = desk.job()
    deaf = desk.listening(desk.runner("deaf"))
    desk.pass_time(desk.hub.settings.pickup_timeout)
    awake = desk.listening(desk.runner("awake"))
    assert awake.messages[0]["job_id"] == job.id
    with pytest.raises(Conflict):
        desk.hub.acquire(deaf, job.id)
    assert desk.actions(job) == ["queued"]


def test_a_pinned_job_waits_for_its_runner(desk: Desk) -> None:
    job = desk.job()
    desk.hub.pin("chosen", job)
    other, chosen = desk.listening(desk.runner("other")), desk.listening(desk.runner("chosen"))
    assert (len(other.messages), chosen.messages[0]["job_id"]) == (0, job.id)


def test_a_thief_is_served_before_older_jobs(desk: Desk) -> None:
    victim = desk.job()
    thief = desk.job(first=True, mute=True)
    session = desk.listening(desk.runner(f"runs-fleet-{victim.id}-1"))
    assert session.messages[0]["job_id"] == thief.id


def test_an_ephemeral_runner_is_busy_until_it_is_deregistered_after_its_job(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.hub.complete(session, job.id, "Succeeded")
    assert session.runner.busy
    desk.pass_time(desk.hub.settings.deregister_after)
    assert (session.runner.removed_how, desk.hub.registry.alive) == ("ran_job", {})


def test_it_never_runs_a_second_job(desk: Desk) -> None:
    first, second = desk.jobs(JobPlan(labels=LABELS), JobPlan(labels=LABELS))
    session = desk.running(first)
    desk.hub.complete(session, first.id, "Succeeded")
    desk.pass_time(60)
    assert second.status == "queued"
    with pytest.raises(Conflict):
        desk.hub.acquire(session, second.id)


def test_a_lost_busy_runner_leaves_its_job_in_progress_until_the_lease_ends(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.sessions.polled(session, broken=True)
    desk.pass_time(0.1)
    assert job.status == "in_progress"
    assert session.runner.lost_busy_at is not None
    desk.pass_time(desk.hub.settings.lease_ttl)
    assert (job.conclusion, session.runner.removed_how) == ("failure", "lease_lost")


def test_a_runner_that_comes_back_in_time_keeps_its_job(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.sessions.polled(session, broken=True)
    desk.pass_time(1)
    desk.sessions.poll(session)
    desk.pass_time(60)
    assert (job.status, session.runner.lost_busy_at) == ("in_progress", None)


def test_an_idle_runner_that_is_lost_is_offline_and_gets_no_job(desk: Desk) -> None:
    session = desk.listening(desk.runner())
    desk.sessions.polled(session, broken=True)
    desk.pass_time(0.1)
    desk.job()
    assert (session.runner.online, len(session.messages)) == (False, 0)


def test_idle_runners_are_dropped_only_if_so_configured(desk: Desk) -> None:
    desk.configure(idle_ttl=300)
    session = desk.listening(desk.runner())
    desk.pass_time(299)
    assert session.runner.removed_at is None
    desk.pass_time(1)
    assert session.runner.removed_how == "idle"
    assert session.messages[-1] == {"type": "deleted"}


def test_names_are_unique_per_scope_without_case(desk: Desk) -> None:
    desk.runner("r-1")
    desk.runner("r-1", scope="acme/app")
    with pytest.raises(NameTaken):
        desk.runner("R-1")


def test_a_second_session_conflicts_with_the_first(desk: Desk) -> None:
    runner = desk.runner()
    desk.listening(runner)
    with pytest.raises(SessionConflict):
        desk.sessions.create(runner.client_id, runner.id)


def test_a_removed_runner_cannot_connect(desk: Desk) -> None:
    runner = desk.runner()
    desk.hub.remove(runner, "api")
    with pytest.raises(Deleted):
        desk.sessions.create(runner.client_id, runner.id)


def test_a_killed_runner_is_not_heard_of_again(desk: Desk) -> None:
    job = desk.job()
    session = desk.running(job)
    desk.sessions.poison(session.runner)
    desk.sessions.poll(session)
    desk.pass_time(desk.hub.settings.lease_ttl)
    assert job.conclusion == "failure"


def test_256_jobs_and_256_runners_meet_one_to_one(desk: Desk) -> None:
    jobs = desk.jobs(*(JobPlan(name=f"m ({i})", labels=LABELS) for i in range(256)))
    sessions = [desk.listening(desk.runner(f"r-{i}")) for i in range(256)]
    offered = {session.messages[0]["job_id"] for session in sessions}
    assert offered == {job.id for job in jobs}
