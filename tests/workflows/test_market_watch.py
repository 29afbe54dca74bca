"""The workflow that remembers the market: told by many, read by all, reset by operators."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.worker import Worker

from runs_fleet.market import (
    Kind,
    MarketState,
    News,
    ResetRequest,
    ResetResult,
    Rules,
    Sighting,
    phase,
)
from runs_fleet.models import Market
from tests.lifecycles import eventually
from workflows.market_watch import MarketWatch

Watch = WorkflowHandle[MarketWatch, None]
HASTY = Rules(open_for=timedelta(milliseconds=1))
C8G = Kind(Market.SPOT, "c8g.large")


@pytest_asyncio.fixture
async def queue(temporal: Client) -> AsyncIterator[str]:
    name = f"market-test-{uuid4()}"
    async with Worker(temporal, task_queue=name, workflows=[MarketWatch]):
        yield name


@pytest_asyncio.fixture
async def watch(temporal: Client, queue: str) -> AsyncIterator[Watch]:
    handle = await begun(temporal, queue, MarketState())
    yield handle
    await temporal.get_workflow_handle(handle.id).terminate()


async def begun(temporal: Client, queue: str, state: MarketState) -> Watch:
    return await temporal.start_workflow(MarketWatch.run, state, id=queue, task_queue=queue)


def seen(name: str = "c8g.large", runner: str = "") -> Sighting:
    return Sighting(
        market=Market.SPOT, machine_type=name, zone="z-a", at=datetime.now(UTC), runner=runner
    )


async def lose(watch: Watch, count: int = 3) -> None:
    for number in range(count):
        await watch.signal(MarketWatch.lost, seen(runner=f"runs-fleet-{number}-1"))


async def phases(watch: Watch) -> list[str]:
    view = await watch.query(MarketWatch.view)
    return [phase(each, view.rules, datetime.now(UTC)) for each in view.breakers]


async def is_in(watch: Watch, wanted: str) -> bool:
    return await phases(watch) == [wanted]


async def test_what_is_told_is_seen_by_all_at_once(watch: Watch) -> None:
    await watch.signal(MarketWatch.note, News(sold_out=(seen(),)))
    await lose(watch)
    view = await watch.query(MarketWatch.view)
    assert [each.machine_type for each in view.shortages] == ["c8g.large"]
    assert await phases(watch) == ["open"]


async def test_its_page_tells_what_is_remembered(watch: Watch) -> None:
    await watch.signal(MarketWatch.note, News(sold_out=(seen(),)))
    await lose(watch)
    await watch.query(MarketWatch.view)
    page = str(await watch.query("__temporal_workflow_metadata"))
    assert "| spot | c8g.large | 3 | open |" in page
    assert "1 offers sold out" in page


async def test_one_of_two_workers_is_granted_the_probe(watch: Watch) -> None:
    await watch.signal(MarketWatch.note, News(rules=HASTY))
    await lose(watch)
    await eventually(partial(is_in, watch, "half-open"))
    await asyncio.gather(
        *(watch.signal(MarketWatch.note, News(holder=h, wanted=(C8G,))) for h in ("a", "b"))
    )
    view = await watch.query(MarketWatch.view)
    assert [each.probe and each.probe.holder in ("a", "b") for each in view.breakers] == [True]
    assert await phases(watch) == ["probing"]


async def test_an_operator_resets_one_type(watch: Watch) -> None:
    await watch.signal(MarketWatch.note, News(sold_out=(seen(), seen("m8g.large"))))
    await lose(watch)
    asked = ResetRequest(machine_type="c8g.large")
    assert await watch.execute_update(MarketWatch.reset, asked) == ResetResult(
        shortages=1, breakers=1
    )
    view = await watch.query(MarketWatch.view)
    assert [each.machine_type for each in view.shortages] == ["m8g.large"]
    assert view.breakers == ()


async def test_a_reset_of_what_is_not_remembered_is_refused_and_changes_nothing(
    watch: Watch,
) -> None:
    await lose(watch)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await watch.execute_update(MarketWatch.reset, ResetRequest(machine_type="c8g.lrage"))
    assert "spot/c8g.large" in str(refused.value.cause)
    assert await phases(watch) == ["open"]


async def test_a_new_history_begins_with_all_that_is_remembered(
    temporal: Client, queue: str
) -> None:
    watch = await begun(temporal, queue, MarketState(longest_history=12))
    first = (await watch.describe()).run_id
    await watch.signal(MarketWatch.note, News(rules=HASTY, sold_out=(seen(),)))
    last = temporal.get_workflow_handle(watch.id)

    async def is_another() -> bool:
        await last.signal(MarketWatch.lost, seen(runner=f"runs-fleet-{uuid4()}"))
        return (await last.describe()).run_id != first

    await eventually(is_another)
    view = await last.query(MarketWatch.view)
    assert view.rules == HASTY
    assert [each.machine_type for each in view.shortages] == ["c8g.large"]
    assert len(view.breakers[0].losses) >= 2
    await last.terminate()


async def test_a_reset_counts_what_was_said_in_the_same_moment(temporal: Client) -> None:
    name = f"market-test-{uuid4()}"
    watch = await begun(temporal, name, MarketState())
    await watch.signal(MarketWatch.note, News(sold_out=(seen(),)))
    asked = ResetRequest(machine_type="c8g.large")
    reset = asyncio.create_task(watch.execute_update(MarketWatch.reset, asked, id="reset"))
    async with Worker(temporal, task_queue=name, workflows=[MarketWatch]):
        assert await reset == ResetResult(shortages=1, breakers=0)
    await watch.terminate()
