"""More runners than GitHub registers in a minute register by themselves, where that is allowed."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.aws.models import Levers
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet
from tests.e2e.leaks import leaks, places_of, secrets_of
from tests.e2e.processes import watched_arguments

pytestmark = pytest.mark.e2e
A_MINUTE, JOBS = 2, 6
CROWDED = {
    "RUNS_FLEET_REGISTRATION": "jit+token",
    "RUNS_FLEET_GITHUB_REGISTRATIONS": str(A_MINUTE),
}


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[World]:
    """A world whose GitHub registers two runners a minute."""
    with World(Plan(levers=Levers(boot_seconds=0.2), env=CROWDED), home=tmp_path) as running:
        yield running


@pytest_asyncio.fixture
async def overflowing(crowded: World) -> AsyncIterator[Fleet]:
    """The fleet of that world."""
    fleet = await Fleet.of(crowded)
    yield fleet
    await fleet.settled()


async def test_those_that_would_wait_register_with_a_token_that_nobody_sees(
    overflowing: Fleet,
) -> None:
    with watched_arguments() as arguments:
        jobs = [overflowing.send() for _ in range(JOBS)]
        outcomes = [await overflowing.outcome(job) for job in jobs]
    assert [outcome.conclusion for outcome in outcomes] == ["success"] * JOBS
    assert [len(outcome.attempts) for outcome in outcomes] == [1] * JOBS
    assert len(overflowing.github.minted().jit_configs) == A_MINUTE
    assert [len(overflowing.registrations(job)) for job in jobs] == [1] * JOBS
    secrets = secrets_of(overflowing)
    places = await places_of(overflowing) | {"arguments": "\n".join(arguments)}
    assert "--no-default-labels" in places["arguments"]
    assert leaks(secrets, places) == []
