"""Temporal away from the whole world while GitHub delivers: every job still runs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from simulator.aws.models import Levers
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet

CALM = Levers(boot_seconds=0.2, boot_spread=0.1)
JOBS = 20
PATIENCE = 50.0

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest_asyncio.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    with World(Plan(levers=CALM, database=True), home=tmp_path) as world:
        yield await Fleet.of(world)


async def test_what_is_asked_for_while_temporal_is_away_runs_afterwards(fleet: Fleet) -> None:
    fleet.world.temporal.stop()
    # Each job has a label of its own, so that none takes another one's runner.
    jobs = [fleet.send(seconds=0.5) for _ in range(JOBS)]
    await fleet.until(
        lambda: not fleet.github.progress().deliveries_pending, what="answers to all webhooks"
    )
    sent = [one for job in jobs for one in fleet.deliveries(job, "queued")]
    assert [one.status for one in sent] == ["OK"] * JOBS
    fleet.world.temporal.start()
    await fleet.until(
        lambda: {fleet.job(job).conclusion for job in jobs} == {"success"},
        what="the end of all jobs",
        patience=PATIENCE,
    )
    await fleet.settled()
    books = fleet.github.books()
    assert books.run_twice == ()
    assert {one.status for one in books.deliveries} == {"OK"}
    assert len(fleet.aws.machines()) == JOBS
