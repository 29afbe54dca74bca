"""What becomes of single jobs, from the signed webhook to the machine taken away."""

import asyncio

import pytest

from runs_fleet.models import Market
from simulator.aws.models import CapacityRule
from tests.e2e.fleet import POOLS, Fleet

pytestmark = pytest.mark.e2e


async def test_a_job_gets_one_machine_of_its_own_which_goes_with_it(fleet: Fleet) -> None:
    job_id = fleet.send()
    outcome = await fleet.outcome(job_id)
    assert (outcome.state, outcome.conclusion) == ("completed", "success")
    assert fleet.job(job_id).runners == (f"runs-fleet-{job_id}-1",)
    assert len(fleet.machines(job_id)) == len(fleet.registrations(job_id)) == 1
    assert outcome.machine is not None
    assert outcome.machine.market == Market.SPOT


async def test_a_delivery_repeated_after_the_end_starts_nothing(fleet: Fleet) -> None:
    job_id = fleet.send()
    await fleet.outcome(job_id)
    before = await fleet.handle(job_id).describe()
    [first] = fleet.deliveries(job_id, "queued")
    fleet.github.redeliver(first.id)
    await fleet.until(lambda: fleet.deliveries(job_id, "queued")[-1].status_code == 200)
    assert len(fleet.deliveries(job_id, "queued")) == 2
    after = await fleet.handle(job_id).describe()
    assert (after.run_id, after.history_length) == (before.run_id, before.history_length)
    assert len(fleet.machines(job_id)) == 1


async def test_ten_parallel_deliveries_make_one_lifecycle_and_one_machine(fleet: Fleet) -> None:
    job_id = fleet.send(mute=True)
    [lost] = fleet.deliveries(job_id, "queued")
    again = (asyncio.to_thread(fleet.github.redeliver, lost.id) for _ in range(10))
    await asyncio.gather(*again)
    outcome = await fleet.outcome(job_id)
    answers = [one.status_code for one in fleet.deliveries(job_id, "queued")[1:]]
    assert answers == [202] * 10
    assert len(outcome.attempts) == len(fleet.machines(job_id)) == 1


async def test_a_job_that_waits_for_approval_gets_its_runner_only_then(fleet: Fleet) -> None:
    job_id = fleet.send(kind="waiting")
    await fleet.until(lambda: told(fleet, job_id, "waiting"), what="the waiting event")
    assert fleet.machines(job_id) == []
    fleet.github.approve(job_id)
    assert (await fleet.outcome(job_id)).state == "completed"
    assert len(fleet.machines(job_id)) == len(fleet.registrations(job_id)) == 1


async def test_a_bad_label_is_a_lifecycle_that_says_why(fleet: Fleet) -> None:
    job_id = fleet.send(label="runs-fleet/cpu=lots")
    await fleet.until(lambda: told(fleet, job_id, "queued"), what="the queued event")
    outcome = await fleet.handle(job_id).result()
    assert outcome.state == "refused"
    assert "cpu=lots" in outcome.reason
    assert fleet.machines(job_id) == []
    [notice] = [
        each for each in fleet.github.books().notices if each.external_id == f"job-{job_id}"
    ]
    assert (notice.kind, notice.conclusion, outcome.told) == ("check_run", "failure", "check_run")
    fleet.github.cancel_job(job_id)


async def test_a_job_cancelled_while_there_is_no_capacity_gets_no_machine(fleet: Fleet) -> None:
    fleet.aws.capacity(CapacityRule())
    job_id = fleet.send()
    await fleet.until(lambda: asked_for(fleet, job_id), what="an order")
    fleet.github.cancel_job(job_id)
    assert (await fleet.outcome(job_id)).state == "cancelled"
    assert fleet.machines(job_id) == []


async def test_a_job_cancelled_while_its_machine_boots_leaves_none(fleet: Fleet) -> None:
    fleet.aws.pull(slow_boots=1, slow_boot_seconds=30)
    job_id = fleet.send()
    await fleet.until(lambda: fleet.registrations(job_id), what="a registration")
    fleet.github.cancel_job(job_id)
    assert (await fleet.outcome(job_id)).state == "cancelled"
    assert fleet.job(job_id).runners == ()


async def test_a_job_cancelled_while_it_runs_ends_as_github_says(fleet: Fleet) -> None:
    job_id = fleet.send(seconds=30)
    await fleet.running(job_id)
    fleet.github.cancel_job(job_id)
    outcome = await fleet.outcome(job_id)
    assert (outcome.state, outcome.conclusion) == ("completed", "cancelled")
    assert len(outcome.attempts) == 1


async def test_a_stolen_runner_is_replaced_and_both_jobs_run(fleet: Fleet) -> None:
    label = f"runs-fleet/cpu=2/pool={next(POOLS)}"
    victim = fleet.send(label=label)
    thief = fleet.github.steal((label,), repo="acme/app", seconds=0.5)
    outcome = await fleet.outcome(victim)
    causes = [(attempt.cause, attempt.served_job) for attempt in outcome.attempts]
    assert causes == [("taken", thief), ("job_done", victim)]
    assert fleet.job(thief).conclusion == fleet.job(victim).conclusion == "success"


async def test_a_job_that_lost_its_spot_machine_runs_again_on_demand(fleet: Fleet) -> None:
    job_id = fleet.send(seconds=4)
    machine = await fleet.running(job_id)
    assert machine.market == "spot"
    fleet.aws.interrupt(machine.machine_id, after=0.5)
    outcome = await fleet.outcome(job_id)
    assert outcome.rerun_requested
    again = await fleet.until(lambda: fleet.rerun(job_id), what="a re-run")
    assert (await fleet.outcome(again)).conclusion == "success"
    assert [machine.market for machine in fleet.machines(again)] == ["on-demand"]


async def test_a_full_cloud_is_asked_until_it_has_room(fleet: Fleet) -> None:
    fleet.aws.capacity(CapacityRule())
    job_id = fleet.send()
    await fleet.until(lambda: len(asked_for(fleet, job_id)) > 3, what="a whole ladder of orders")
    fleet.aws.plenty()
    outcome = await fleet.outcome(job_id)
    assert (outcome.state, len(outcome.attempts)) == ("completed", 1)
    tokens = asked_for(fleet, job_id)
    assert len(set(tokens)) == len(tokens)


async def test_a_job_without_our_label_is_left_alone(fleet: Fleet) -> None:
    job_id = fleet.send(label="self-hosted")
    await fleet.until(lambda: told(fleet, job_id, "queued"), what="the queued event")
    assert [one.status_code for one in fleet.deliveries(job_id, "queued")] == [200]
    assert fleet.machines(job_id) == []
    fleet.github.cancel_job(job_id)


def told(fleet: Fleet, job_id: int, action: str) -> bool:
    """Tell whether one of a job's events has been acknowledged."""
    return any(200 <= one.status_code < 300 for one in fleet.deliveries(job_id, action))


def asked_for(fleet: Fleet, job_id: int) -> list[str]:
    """List the tokens of the CreateFleet calls for a job, repeats of one call apart."""
    calls = fleet.aws.books().fleets
    return [call.token for call in calls if f"runs-fleet-{job_id}-1" in call.runners]
