"""`runs-fleet market`: what is left out of orders, and how to have it forgotten."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from cli.market import forgotten, viewed
from cli.temporal import Trouble
from runs_fleet import names
from runs_fleet.market import MarketState, News, ResetRequest, Sighting
from runs_fleet.models import Market
from simulator.ports import free_port
from tests.cli.conftest import Command, invoke
from workflows.market_watch import MarketWatch

Watch = WorkflowHandle[MarketWatch, None]


@pytest_asyncio.fixture
async def watch(temporal: Client) -> AsyncIterator[Watch]:
    """The market's watch, which nobody has told anything yet."""
    name, queue = names.market("ec2"), names.task_queue("ec2")
    async with Worker(temporal, task_queue=queue, workflows=[MarketWatch]):
        handle = await temporal.start_workflow(
            MarketWatch.run, MarketState(), id=name, task_queue=queue
        )
        yield handle
        await temporal.get_workflow_handle(name).terminate()


@pytest_asyncio.fixture
async def scarce(watch: Watch) -> Watch:
    """One offer is sold out, and machines of another type were taken away."""
    now = datetime.now(UTC)
    full = Sighting(market=Market.ON_DEMAND, machine_type="m8g.large", zone="z-a", at=now)
    await watch.signal(MarketWatch.note, News(sold_out=(full,)))
    for runner in "abc":
        loss = Sighting(market=Market.SPOT, machine_type="c8g.large", at=now, runner=runner)
        await watch.signal(MarketWatch.lost, loss)
    return watch


@pytest.mark.usefixtures("watch")
async def test_a_quiet_market_has_nothing_to_show(command: Command) -> None:
    ended = await command("market")
    assert (ended.status, ended.out.startswith("nothing is left out")) == (0, True)


@pytest.mark.usefixtures("scarce")
async def test_what_is_left_out_is_shown(command: Command) -> None:
    out = (await command("market")).out
    breaker, offer = (line for line in out.splitlines() if ".large" in line)
    assert [word for word in ("spot", "c8g.large", "open", "3") if word not in breaker] == []
    assert [word for word in ("on-demand", "m8g.large", "z-a") if word not in offer] == []


@pytest.mark.usefixtures("scarce")
async def test_scripts_read_it_as_json(command: Command) -> None:
    told = json.loads((await command("market", "--json")).out)
    assert [(b["machine_type"], b["phase"], len(b["losses"])) for b in told["breakers"]] == [
        ("c8g.large", "open", 3)
    ]
    assert [each["machine_type"] for each in told["sold_out"]] == ["m8g.large"]
    assert told["rules"]["threshold"] == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "1 sold-out offers, 1 breakers"),
        (("--type", "c8g.large"), "0 sold-out offers, 1 breakers"),
        (("--market", "on-demand"), "1 sold-out offers, 0 breakers"),
    ],
)
@pytest.mark.usefixtures("scarce")
async def test_an_operator_has_it_forgotten(
    command: Command, options: tuple[str, ...], said: str
) -> None:
    ended = await command("market", "reset", *options)
    assert (ended.status, said in ended.out) == (0, True)


@pytest.mark.usefixtures("scarce")
async def test_a_slip_of_the_finger_is_refused_with_what_is_known(command: Command) -> None:
    ended = await command("market", "reset", "--type", "c8g.lrage")
    assert (ended.status, "spot/c8g.large" in ended.err) == (1, True)


async def test_a_market_that_nobody_watches_is_told_so(temporal: Client) -> None:
    with pytest.raises(Trouble, match="has one been started"):
        await viewed(temporal, "k8s")
    with pytest.raises(Trouble, match="has one been started"):
        await forgotten(temporal, "k8s", ResetRequest())


async def test_a_watch_that_was_terminated_watches_no_more(
    temporal: Client, command: Command
) -> None:
    name = names.market("ec2")
    watch = await temporal.start_workflow("MarketWatch", id=name, task_queue="nobody")
    await watch.terminate()
    ended = await command("market")
    assert (ended.status, "has one been started" in ended.err) == (2, True)


def test_a_temporal_that_is_away_is_one_line() -> None:
    ended = invoke(f"127.0.0.1:{free_port()}", "market")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
