"""One world for all tests that do not break it for each other."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from simulator.aws.models import Levers
from simulator.github.plans import Chaos
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet

CALM = Levers(boot_seconds=0.2, boot_spread=0.1)
HASTE = {"RUNS_FLEET_FINISH_GRACE": "2s", "RUNS_FLEET_BUSY_LOOK": "1s"}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """GitHub, AWS, Temporal, an API and a worker, each as a process."""
    with World(Plan(levers=CALM, env=HASTE), home=tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def connected(world: World) -> Fleet:
    """The fleet of the shared world."""
    return await Fleet.of(world)


@pytest_asyncio.fixture
async def fleet(connected: Fleet) -> AsyncIterator[Fleet]:
    """A calm fleet; a test must leave nothing behind, double nothing, break no rule of GitHub."""
    yield connected
    connected.aws.calm()
    connected.github.chaos(Chaos())
    connected.github.clear_faults()
    await connected.settled()
    books = connected.github.books(deliveries=False)
    assert books.run_twice == ()
    assert books.violations == ()
