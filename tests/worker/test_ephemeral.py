"""Ephemeral pools: jobs that name what nobody has defined call for it, where that is allowed."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from runs_fleet import names
from runs_fleet.models import Span
from runs_fleet.pools.definition import PoolDefinition, Targets
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PoolLeave
from tests.lifecycles import eventually
from tests.pools.managing import Ports, keeping
from tests.pools.worlds import definition
from tests.worker.calling import MACHINES, Site
from worker import managers
from workflows.pool_manager import PoolManager


@pytest_asyncio.fixture
async def site(temporal: Client, tmp_path: Path) -> AsyncIterator[Site]:
    async with keeping(temporal, Ports()) as queue:
        made = Site(temporal, queue, tmp_path / "pools.yaml")
        yield made
        await made.close()


def reasons(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    """What was said of one kind of trouble."""
    return [str(each.__dict__["reason"]) for each in caplog.records if each.message == event]


async def test_a_job_calls_for_a_pool_of_its_machines(site: Site) -> None:
    keeper = site.allows()
    await site.queues("a")
    await site.calls(keeper, "a")
    assert await site.defined("a") == PoolDefinition(
        name=site.name("a"),
        mode="ec2",
        spec=MACHINES.model_copy(update={"rerun": True}),
        max=5,
        idle_life=timedelta(hours=2),
        repositories=("octo/*",),
        ephemeral=True,
    )


async def test_workers_that_look_at_once_call_one_pool(site: Site) -> None:
    keepers = [site.allows(), site.allows()]
    await site.queues("a")
    await site.queues("a", cpu=Span(least=2, most=2))
    await asyncio.gather(*(each.turn() for each in keepers))
    assert (await site.defined("a")).spec.cpu == MACHINES.cpu


async def test_a_stranger_is_refused_and_that_is_said_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = site.allows()
    await site.queues("a", repo="acme/x")
    await site.queues("a", repo="acme/x")
    caplog.set_level(logging.WARNING)
    await keeper.turn()
    await keeper.turn()
    assert not await site.is_open("a")
    said = reasons(caplog, "ephemeral pool refused")
    assert len([each for each in said if "acme/x may not call for one" in each]) == 1


async def test_a_strangers_job_keeps_nobody_else_from_a_pool(site: Site) -> None:
    keeper = site.allows()
    await site.queues("a", repo="acme/x", cpu=Span(least=2, most=2))
    await site.queues("a")
    await site.calls(keeper, "a")
    assert (await site.defined("a")).spec.cpu == MACHINES.cpu


async def test_there_are_never_more_than_may_be(site: Site) -> None:
    keeper = site.allows(most=1)
    await site.queues("z")
    await site.queues("a")
    await site.calls(keeper, "z")
    await keeper.turn()
    assert not await site.is_open("a")


async def test_one_that_has_ended_makes_room(site: Site) -> None:
    keeper = site.allows(most=1)
    await site.queues("z")
    await site.calls(keeper, "z")
    await site.queues("a")
    await site.ends("z")
    await site.calls(keeper, "a")
    assert not await site.is_open("z")


async def test_one_that_has_ended_comes_again_with_the_next_job(site: Site) -> None:
    keeper = site.allows()
    await site.queues("a")
    await site.calls(keeper, "a")
    await site.ends("a")
    await keeper.turn()
    assert not await site.is_open("a")
    await site.queues("a", cpu=Span(least=2, most=2))
    await site.calls(keeper, "a")
    assert (await site.defined("a")).spec.cpu == Span(least=2, most=2)


async def test_a_pool_that_is_defined_stays_what_it_is(site: Site) -> None:
    keeper = site.allows()
    mine = definition(name=site.name("a"), targets=Targets())
    site.store.put(mine)
    await site.queues("a")
    await keeper.turn()
    assert await site.defined("a") == mine


async def test_a_pool_that_is_kept_stays_what_it_is(site: Site) -> None:
    keeper = site.allows(most=1)
    await site.begins(name=site.name("a"))
    await site.queues("a")
    await site.queues("b")
    await site.calls(keeper, "b")
    assert not (await site.defined("a")).ephemeral


async def test_an_ephemeral_pool_can_be_defined_later(site: Site) -> None:
    keeper = site.allows(most=1)
    await site.queues("a")
    await site.calls(keeper, "a")
    mine = definition(name=site.name("a"), targets=Targets())
    site.store.put(mine)
    await site.queues("b")
    await site.calls(keeper, "b")
    assert await site.defined("a") == mine


async def test_machines_that_no_pool_can_have_are_refused(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = site.allows()
    await site.queues("a", docker=True)
    caplog.set_level(logging.WARNING)
    await keeper.turn()
    assert not await site.is_open("a")
    said = [each for each in reasons(caplog, "ephemeral pool refused") if site.prefix in each]
    assert len(said) == 1
    assert "spec.docker" in said[0]


async def test_nothing_comes_while_a_source_cannot_be_read(site: Site) -> None:
    keeper = site.allows()
    await site.queues("a")
    site.store.away = True
    await keeper.turn()
    assert not await site.is_open("a")
    site.store.away = False
    await site.calls(keeper, "a")


async def test_while_temporal_is_away_it_looks_again_later(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.allows()
    address = site.temporal.service_client.config.target_host
    keeper = site.keeper(await Client.connect(address, namespace="nowhere"))
    caplog.set_level(logging.WARNING)
    await keeper.turn()
    await keeper.turn()
    assert len(reasons(caplog, "calls for pools not looked for")) == 2


async def test_one_that_began_anew_counts(site: Site) -> None:
    state = PoolState(
        definition=definition(name=site.name("a"), targets=Targets(), ephemeral=True),
        longest_history=40,
    )
    handle = await site.temporal.start_workflow(
        PoolManager.run,
        state,
        id=names.pool("ec2", site.name("a")),
        task_queue=site.queue,
        memo={managers.EPHEMERAL: True},
    )
    latest = site.temporal.get_workflow_handle(handle.id)

    async def is_another() -> bool:
        await latest.signal(PoolManager.leave, PoolLeave(job_id=1, attempt=1))
        return bool((await latest.describe()).run_id != handle.first_execution_run_id)

    await eventually(is_another)
    assert await managers.is_ephemeral(await latest.describe())
