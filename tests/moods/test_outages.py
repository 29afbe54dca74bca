"""A GitHub that does not answer, or whose answers get lost."""

import asyncio

import pytest

from simulator.github import Fault, Settings
from tests.lifecycles import Job
from tests.moods.fleet import HASTY, JIT, RUNNER, Fleet
from tests.moods.listener import Listener
from workflows.runner_lifecycle import RunnerLifecycle

ALWAYS = 100_000
UNANSWERED = [
    pytest.param(Fault(status=502, times=ALWAYS), 502, id="bad gateway"),
    pytest.param(Fault(status=503, times=ALWAYS), 503, id="unavailable"),
    pytest.param(Fault(reset=True, times=ALWAYS), 0, id="connections reset"),
    pytest.param(Fault(delay=1.5, times=ALWAYS), 0, id="timeouts"),
]


@pytest.mark.parametrize(("fault", "answer"), UNANSWERED)
async def test_while_github_is_away_one_machine_is_bought_and_afterwards_the_job_is_served(
    fleet: Fleet, fault: Fault, answer: int
) -> None:
    fleet.world.fault(fault)
    job = await fleet.start(policy=HASTY)
    await fleet.until(lambda: first_cause(job))
    asked = fleet.calls.statuses[answer]
    await fleet.until(lambda: fleet.calls.statuses[answer] >= asked + 2)
    assert len(fleet.provider.made) == 1
    fleet.world.clear_faults()
    await fleet.registered(job, 2)
    outcome = await fleet.ends(job)
    assert [attempt.cause for attempt in outcome.attempts] == ["not_registered", "job_done"]
    assert len(fleet.provider.made) == 2
    assert fleet.registrations(job) == []


async def test_a_registration_whose_answer_was_lost_is_replaced_not_doubled(fleet: Fleet) -> None:
    fleet.world.fault(Fault(method="POST", path=f"*{JIT}", lose_answer=True))
    job = await fleet.start()
    machine_id = await fleet.registered(job)
    assert fleet.calls.of("POST", JIT) == [0, 409, 201]
    assert len(fleet.registrations(job)) == 1
    assert fleet.configs.held[machine_id].runner == job.runner()
    assert (await fleet.ends(job)).state == "cancelled"
    assert fleet.registrations(job) == []


async def test_a_token_that_was_revoked_is_replaced_once(fleet: Fleet) -> None:
    first = await fleet.start()
    await fleet.registered(first)
    fleet.world.revoke_tokens()
    second = await fleet.start()
    await fleet.registered(second)
    assert fleet.calls.of("POST", JIT) == [201, 401, 201]
    assert fleet.calls.of("POST", "/access_tokens") == [201, 201]
    ends = await asyncio.gather(fleet.ends(first), fleet.ends(second))
    assert [end.state for end in ends] == ["cancelled", "cancelled"]


async def test_a_runner_that_github_still_calls_busy_is_kept_until_it_is_not(fleet: Fleet) -> None:
    fleet.world.configure(Settings(deregister_after=1.5))
    job = await fleet.start()
    machine_id = await fleet.registered(job)
    listener = Listener(fleet.configs.held[machine_id].jit_config, fleet.http)
    await job.boots()
    listener.take(job.job_id)
    await job.says_github("in_progress", on=job.runner())
    listener.finish(job.job_id)
    # Its agent's last report gets lost, so only GitHub can tell that nobody needs the runner.
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await fleet.until(lambda: 422 in fleet.calls.of("DELETE", RUNNER))
    assert fleet.provider.alive == [machine_id]
    assert (await job.outcome()).state == "completed"
    assert fleet.calls.of("DELETE", RUNNER)[-1] == 404
    assert fleet.registrations(job) == []


async def first_cause(job: Job) -> str:
    """Tell why the first runner was let go of, if it was."""
    attempts = (await job.handle.query(RunnerLifecycle.progress)).attempts
    return attempts[0].cause if attempts else ""
