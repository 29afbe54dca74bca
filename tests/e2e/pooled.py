"""A world with pools from its `pools.yaml`, and a fleet whose pools leave nothing behind."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from simulator.world import Plan, World
from tests.e2e.emptied import emptied
from tests.e2e.fleet import Fleet

FILE = "pools.yaml"
HASTE = {"RUNS_FLEET_FINISH_GRACE": "2s", "RUNS_FLEET_BUSY_LOOK": "1s"}


@contextmanager
def pooled(pools: str, *, home: Path, **plan: Any) -> Iterator[World]:
    """Run a world that keeps these pools; keyword arguments are of its plan."""
    file = home / FILE
    file.write_text(pools)
    env = {"RUNS_FLEET_POOLS": str(file), **HASTE}
    with World(Plan(env=env, **plan), home=home / "world") as running:
        yield running


@asynccontextmanager
async def left_empty(world: World) -> AsyncIterator[Fleet]:
    """Give the fleet; at the end its pools are cancelled, and must leave nothing behind."""
    fleet = await Fleet.of(world)
    yield fleet
    await emptied(fleet, world.home.parent / FILE)
    books = fleet.github.books(deliveries=False)
    assert books.run_twice == ()
    assert books.violations == ()
