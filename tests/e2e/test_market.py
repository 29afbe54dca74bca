"""What the spot market takes away again and again is left alone, also by workers yet to come."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from runs_fleet import names
from runs_fleet.market import MarketState
from simulator.aws.models import Levers, MachineRecord
from simulator.world import Plan, World
from tests.e2e.fleet import RUN, Fleet
from workflows.market_watch import MarketWatch

pytestmark = pytest.mark.e2e
# Two types fit, so that of five machines at least three are of one.
LABEL = f"{RUN}/cpu=2+2/family=c7g+m7g/arch=arm64"
LOST = 5


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[World]:
    """A world whose machines boot slowly enough to be lost meanwhile."""
    levers = Levers(boot_seconds=1.5, boot_spread=0.0, reclaim_after=0.3)
    with World(Plan(levers=levers), home=tmp_path) as running:
        yield running


@pytest_asyncio.fixture
async def scarce(slow: World) -> AsyncIterator[Fleet]:
    """The fleet of that world; it must get over what was taken from it."""
    fleet = await Fleet.of(slow)
    yield fleet
    await fleet.settled()


def known(world: World) -> int:
    """Count how often a worker has learnt what is remembered."""
    return (world.home / "worker.log").read_text().count("market known")


def first(fleet: Fleet, job_id: int) -> MachineRecord | None:
    return next(iter(fleet.machines(job_id)), None)


async def opened(fleet: Fleet) -> list[str]:
    """Ask which types have an open breaker."""
    watch = fleet.temporal.get_workflow_handle(names.market("ec2"))
    view: MarketState = await watch.query(MarketWatch.view)
    return [each.machine_type for each in view.breakers if each.open_until]


async def test_a_type_that_is_taken_away_again_and_again_is_not_bought(scarce: Fleet) -> None:
    jobs = [scarce.send(label=LABEL) for _ in range(LOST)]
    await scarce.until(lambda: all(first(scarce, job) for job in jobs), what="machines")
    scarce.aws.interrupt(*(scarce.machines(job)[0].machine_id for job in jobs))
    for job in jobs:
        await scarce.outcome(job)
    [shunned] = await opened(scarce)
    scarce.world.kill_workers()
    scarce.world.start_worker()
    await scarce.until(lambda: known(scarce.world) == 2, what="a worker that has learnt")
    outcome = await scarce.outcome(scarce.send(label=LABEL))
    assert outcome.machine is not None
    assert {outcome.machine.machine_type, shunned} == {"c7g.large", "m7g.large"}
