"""Runners and Apps that GitHub will have nothing to do with any more."""

from datetime import timedelta

import pytest

from simulator.github import Fault
from tests.lifecycles import QUICK, Job
from tests.moods.fleet import JIT, Fleet


async def test_a_runner_that_github_dropped_for_being_idle_is_replaced(fleet: Fleet) -> None:
    job = await fleet.start()
    await job.boots()
    fleet.world.remove_runner(job.runner())
    await job.says_agent("finished", outcome="registration_lost")
    await fleet.registered(job, 2)
    assert [one.name for one in fleet.registrations(job)] == [job.runner(2)]
    outcome = await fleet.ends(job)
    assert [attempt.cause for attempt in outcome.attempts] == ["registration_lost", "job_done"]


async def test_outdated_runners_end_in_words_for_the_operator_and_not_in_a_loop(
    fleet: Fleet,
) -> None:
    job = await fleet.start()
    await is_outdated(job, 1)
    await is_outdated(job, 2)
    await is_outdated(job, 3)
    outcome = await job.outcome()
    assert [attempt.cause for attempt in outcome.attempts] == ["outdated"] * 3
    assert outcome.state == "gave_up"
    assert "update the runner in the image" in outcome.reason
    assert len(fleet.provider.made) == 3
    assert fleet.registrations(job) == []


async def test_an_app_that_was_uninstalled_costs_one_machine_and_says_so(fleet: Fleet) -> None:
    job = await fleet.start(installs=False)
    outcome = await job.outcome()
    assert (outcome.state, len(outcome.attempts)) == ("gave_up", 1)
    assert "the App is not installed" in outcome.reason
    assert fleet.calls.of("POST", JIT) == []


async def test_a_runner_of_an_app_that_was_uninstalled_goes_with_its_maximum_runtime(
    fleet: Fleet,
) -> None:
    limits = {"max_runtime": timedelta(seconds=4), "pickup_timeout": timedelta(seconds=1)}
    job = await fleet.start(policy=QUICK.model_copy(update=limits))
    await job.boots()
    fleet.world.uninstall(fleet.owner)
    outcome = await job.outcome()
    assert outcome.state == "gave_up"
    assert [attempt.cause for attempt in outcome.attempts] == ["no_pickup", "gave_up"]


@pytest.mark.parametrize(("status", "said"), [(403, "not accessible"), (404, "permission")])
async def test_a_permission_that_was_taken_away_is_named(
    fleet: Fleet, status: int, said: str
) -> None:
    body: dict[str, object] = {"message": "Resource not accessible by integration"}
    fleet.world.fault(Fault(method="POST", path=f"*{JIT}", status=status, body=body))
    job = await fleet.start()
    outcome = await job.outcome()
    assert outcome.state == "gave_up"
    assert said in outcome.reason
    assert len(fleet.calls.of("POST", JIT)) == 1


async def is_outdated(job: Job, attempt: int) -> None:
    """Have GitHub turn a runner away for its version: `run.sh` ends with 7."""
    await job.boots(attempt)
    await job.says_agent("finished", attempt=attempt, outcome="outdated")
