"""Cases in which processes die, servers are away, or a whole account is full."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from simulator.aws.models import CapacityRule, Levers
from simulator.github.books import DeliveryRecord
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet

CALM = Levers(boot_seconds=0.2, boot_spread=0.1)
HASTE = {"RUNS_FLEET_FINISH_GRACE": "2s", "RUNS_FLEET_BUSY_LOOK": "1s"}
WEBHOOKS = 30
# Longer than the longest pause between two tries of anything that waits for Temporal.
AWAY = 12.0
PATIENCE = 90.0

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose Temporal survives a kill."""
    home = tmp_path_factory.mktemp("outages")
    with World(Plan(levers=CALM, database=True, env=HASTE), home=home) as running:
        yield running


@pytest_asyncio.fixture
async def fleet(world: World) -> AsyncIterator[Fleet]:
    """The fleet of that world; a case leaves nothing behind, and nothing has run twice."""
    fleet = await Fleet.of(world)
    yield fleet
    await fleet.settled()
    assert fleet.github.books(deliveries=False).run_twice == ()


async def test_a_runner_is_created_after_everything_restarted_between_webhook_and_create(
    fleet: Fleet,
) -> None:
    world = fleet.world
    world.kill_workers()
    job_id = fleet.send()
    await fleet.until(lambda: taken(fleet, [job_id]) == 1, what="an answer to the webhook")
    assert fleet.machines(job_id) == []
    world.kill_api()
    world.temporal.kill()
    world.temporal.start()
    world.start_api()
    world.start_worker()
    await fleet.until(lambda: fleet.machines(job_id), what="a machine", patience=PATIENCE)
    outcome = await fleet.outcome(job_id)
    assert (outcome.state, outcome.conclusion, len(outcome.attempts)) == ("completed", "success", 1)
    assert len(fleet.machines(job_id)) == 1


async def test_a_job_waits_while_the_account_is_full_and_runs_once_capacity_frees(
    fleet: Fleet,
) -> None:
    fleet.aws.capacity(CapacityRule())
    job_id = fleet.send()
    await fleet.until(lambda: refused(fleet, job_id), what="an order in vain")
    assert fleet.machines(job_id) == []
    fleet.aws.plenty()
    outcome = await fleet.outcome(job_id)
    assert (outcome.conclusion, len(outcome.attempts)) == ("success", 1)
    assert len(fleet.machines(job_id)) == 1


async def test_thirty_webhooks_while_temporal_is_away_all_run(fleet: Fleet) -> None:
    fleet.world.temporal.stop()
    away_since = time.monotonic()
    # Each job has a label of its own, so that none takes another one's runner.
    jobs = [fleet.send(seconds=0.5) for _ in range(WEBHOOKS)]
    await fleet.until(lambda: taken(fleet, jobs) == WEBHOOKS, what="answers to all webhooks")
    await fleet.until(lambda: time.monotonic() > away_since + AWAY, what="a long time")
    fleet.world.temporal.start()
    await fleet.until(
        lambda: {fleet.job(job).conclusion for job in jobs} == {"success"},
        what="the end of all jobs",
        patience=PATIENCE,
    )
    assert [len(fleet.machines(job)) for job in jobs] == [1] * WEBHOOKS


def refused(fleet: Fleet, job_id: int) -> bool:
    """Tell whether an order for a job was answered, and without a machine."""
    calls = [call for call in fleet.aws.books().fleets if call.answered and not call.instances]
    return any(f"runs-fleet-{job_id}-" in runner for call in calls for runner in call.runners)


def taken(fleet: Fleet, jobs: list[int]) -> int:
    """Count the jobs whose `queued` webhook was acknowledged."""
    told = fleet.github.books().deliveries
    return len({one.job_id for one in told if _acknowledged(one)} & set(jobs))


def _acknowledged(one: DeliveryRecord) -> bool:
    return one.action == "queued" and one.status == "OK"
