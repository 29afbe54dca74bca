"""Workers share what they know of the market, and no order waits for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from runs_fleet import names
from runs_fleet.market import Kind, MarketState, Offer, ResetRequest, Rules, Sighting
from runs_fleet.models import Machine, Market
from runs_fleet.providers.ec2.capacity import Avoided, CapacityMemory
from simulator.temporal import TemporalServer
from tests.lifecycles import Start, eventually
from worker.market import MarketLink
from workflows.market_watch import MarketWatch

FULL = Offer(Market.SPOT, "c8g.large", "z-a")
KIND = Kind(Market.SPOT, "c8g.large")
MADE = Machine(machine_id="i-1", machine_type="c8g.large", market=Market.SPOT, zone="z-a")
HASTY = Rules(open_for=timedelta(milliseconds=1))
SPOT_LOSS = "Server.SpotInstanceTermination"


class Party:
    """A worker's memory of the market, and the link that it shares it by."""

    def __init__(self, temporal: Client, holder: str, rules: Rules | None = None) -> None:
        self.memory = CapacityMemory(rules, holder=holder)
        self.counted: dict[str, int] = {}
        self.link = MarketLink(temporal, "ec2", self.memory, self.counted.__setitem__, refresh=0)

    async def avoids(self, wanted: Avoided, token: str = "t") -> None:
        """Take turns until an order leaves out just this."""

        async def does() -> bool:
            await self.link.turn()
            return self.memory.avoided([KIND], token=token) == wanted

        await eventually(does)


@pytest_asyncio.fixture
async def market(temporal: Client) -> AsyncIterator[Client]:
    """Temporal with a worker for the workflow, which ends with the test."""
    async with Worker(temporal, task_queue=names.task_queue("ec2"), workflows=[MarketWatch]):
        yield temporal
        await temporal.get_workflow_handle(names.market("ec2")).terminate()


@pytest.fixture
def one(market: Client) -> Party:
    return Party(market, "one")


@pytest.fixture
def other(market: Client) -> Party:
    return Party(market, "other")


async def lose(temporal: Client, count: int = 3) -> None:
    handle = temporal.get_workflow_handle(names.market("ec2"))
    for number in range(count):
        loss = Sighting(
            market=Market.SPOT, machine_type="c8g.large", at=datetime.now(UTC), runner=f"r{number}"
        )
        await handle.signal(MarketWatch.lost, loss)


async def view(temporal: Client) -> MarketState:
    return await temporal.get_workflow_handle(names.market("ec2")).query(MarketWatch.view)


async def test_what_one_worker_met_the_other_leaves_out(one: Party, other: Party) -> None:
    one.memory.note([FULL])
    await one.link.turn()
    await other.avoids(Avoided(frozenset({FULL})))
    assert other.counted == {"sold-out": 1, "open": 0, "half-open": 0, "probing": 0}


async def test_nobody_has_to_begin_the_workflow_nor_to_begin_it_again(
    market: Client, one: Party
) -> None:
    await one.link.turn()
    handle = market.get_workflow_handle(names.market("ec2"))
    await handle.terminate()
    one.memory.note([FULL])
    await eventually(lambda: _again(one, market))


async def _again(one: Party, market: Client) -> bool:
    one.memory.note([FULL])
    await one.link.turn()
    return bool((await view(market)).shortages)


async def test_the_rules_of_the_workers_are_those_of_the_workflow(market: Client) -> None:
    rules = Rules(threshold=7)
    await Party(market, "one", rules).link.turn()
    assert (await view(market)).rules == rules


async def test_without_news_nothing_is_told(market: Client, one: Party) -> None:
    await one.link.turn()
    await one.link.turn()
    handle = market.get_workflow_handle(names.market("ec2"))
    signals = [
        event
        async for event in handle.fetch_history_events()
        if event.HasField("workflow_execution_signaled_event_attributes")
    ]
    assert len(signals) == 1


async def test_a_half_open_kind_is_probed_by_one_worker_and_then_held(market: Client) -> None:
    one, other = Party(market, "one", HASTY), Party(market, "other", HASTY)
    shut = Avoided(kinds=frozenset({KIND}))
    await one.link.turn()
    await lose(market)
    await one.avoids(Avoided())
    await other.avoids(shut)
    assert one.memory.avoided([KIND], token="next") == shut
    one.memory.settle("t", MADE)
    await one.avoids(shut, token="next")
    assert [b.probe and b.probe.bought_at is not None for b in (await view(market)).breakers] == [
        True
    ]
    await lose(market, count=1)
    await other.avoids(shut)


async def test_an_operators_reset_reaches_the_workers(market: Client, one: Party) -> None:
    one.memory.note([FULL])
    await one.avoids(Avoided(frozenset({FULL})))
    handle = market.get_workflow_handle(names.market("ec2"))
    await handle.execute_update(MarketWatch.reset, ResetRequest(machine_type="c8g.large"))
    await one.avoids(Avoided())


async def test_what_is_left_is_told_at_the_end(market: Client, one: Party) -> None:
    one.memory.note([FULL])
    await one.link.close()
    assert len((await view(market)).shortages) == 1


async def test_machines_that_lifecycles_lose_open_the_breaker(
    market: Client, one: Party, start: Start
) -> None:
    await one.link.turn()
    kind = Kind(Market.SPOT, "c7g.xlarge")
    for _ in range(3):
        job = await start()
        await job.says_cloud(await job.boots(), SPOT_LOSS)
        await job.runs_to_its_end(2)
        await job.outcome()

    async def left_out() -> bool:
        await one.link.turn()
        return one.memory.avoided([kind], token="t").kinds == {kind}

    await eventually(left_out)


async def test_an_outage_is_told_once_and_loses_no_news(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = TemporalServer()
    server.start()
    try:
        temporal = await Client.connect(server.address, data_converter=pydantic_data_converter)
    finally:
        server.stop()
    memory = CapacityMemory()
    memory.note([FULL])
    caplog.set_level(logging.INFO, "worker.market")
    link = MarketLink(temporal, "ec2", memory, call_limit=0.2)
    await link.turn()
    await link.turn()
    await link.close()
    assert [record.message for record in caplog.records] == [
        "market not known",
        "news of the market not passed on",
    ]
    assert [each.offer for each in memory.news().sold_out] == [FULL]


async def test_a_link_ends_when_it_is_cancelled(one: Party) -> None:
    running = asyncio.create_task(one.link.run())
    await eventually(lambda: one.counted)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
