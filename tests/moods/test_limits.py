"""Rate limits: nobody calls before GitHub has said so, and nobody buys machines meanwhile."""

import asyncio
import time
from datetime import timedelta

from simulator.github import Drain, Fault
from tests.lifecycles import QUICK
from tests.moods.fleet import JIT, Fleet

REGISTRATIONS = "actions_runner_registration"
SECONDARY = Fault(
    method="POST",
    path=f"*{JIT}",
    status=403,
    headers={"retry-after": "2"},
    body={"message": "You have exceeded a secondary rate limit."},
)


async def test_a_spent_budget_is_waited_for_and_then_used(fleet: Fleet) -> None:
    fleet.world.drain(Drain(resource=REGISTRATIONS, reset_in=2))
    began = time.monotonic()
    job = await fleet.start()
    await fleet.registered(job)
    assert time.monotonic() - began >= 1.9
    assert fleet.calls.of("POST", JIT) == [403, 201]
    assert (await fleet.ends(job)).state == "cancelled"
    assert len(fleet.provider.made) == 1


async def test_a_secondary_limit_keeps_every_job_of_the_installation_quiet(fleet: Fleet) -> None:
    fleet.world.fault(SECONDARY)
    first = await fleet.start()
    await fleet.until(lambda: 403 in fleet.calls.of("POST", JIT))
    second, third = await fleet.start(), await fleet.start()
    await fleet.until(lambda: len(fleet.provider.made) == 3)
    jobs = (first, second, third)
    await asyncio.gather(*(fleet.registered(job) for job in jobs))
    assert fleet.calls.of("POST", JIT) == [403, 201, 201, 201]
    outcomes = await asyncio.gather(*(fleet.ends(job) for job in jobs))
    assert {outcome.state for outcome in outcomes} == {"cancelled"}


async def test_a_limit_longer_than_any_call_waits_costs_one_machine_only(fleet: Fleet) -> None:
    fleet.world.drain(Drain(resource=REGISTRATIONS, reset_in=3000))
    job = await fleet.start(policy=QUICK.model_copy(update={"max_wait": timedelta(seconds=4)}))
    outcome = await job.outcome()
    assert (outcome.state, len(outcome.attempts)) == ("gave_up", 1)
    assert outcome.attempts[0].cause == "not_registered"
    assert "API rate limit exceeded" in outcome.attempts[0].detail
    assert fleet.calls.of("POST", JIT) == [403]
