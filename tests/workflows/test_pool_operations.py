"""What people do to a pool: definitions and operations, refused whole when they are wrong."""

from typing import Any

import pytest
from temporalio.client import WorkflowUpdateFailedError

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.operators import BEGUN
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolSettings
from tests.lifecycles import eventually
from tests.pools.managing import Begin, Pool, Ports
from tests.pools.worlds import SPEC, definition
from workflows.pool_manager import PoolManager


async def configured(pool: Pool, **changes: Any) -> PoolStatus:
    asked = PoolSettings(definition=definition(name=pool.name, **changes), by="ops")
    return await pool.handle.execute_update(PoolManager.configure, asked)


async def test_another_definition_is_followed_and_written_down(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    status = await configured(pool, targets=Targets(hot=3))
    assert status.targets == Targets(hot=3)
    assert [(each.kind, each.by) for each in status.operations] == [("configure", "ops")]
    await pool.has(3, "free")
    assert len(ports.warm.orders) == 3


async def test_the_same_definition_changes_nothing(begin_pool: Begin) -> None:
    pool = await begin_pool()
    begun = (await configured(pool)).operations
    assert [(each.by, each.reason) for each in begun] == [("ops", BEGUN)]
    assert (await configured(pool)).operations == begun


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"targets": Targets(hot=7)}, "7 members are more than max 6; lower them, or raise max"),
        ({"targets": Targets(listening=1)}, "write a listening section for the pool"),
        ({"mode": "k8s"}, "send it to its own manager"),
    ],
)
async def test_a_wrong_definition_is_refused_whole(
    begin_pool: Begin, changes: Any, reason: str
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await configured(pool, **changes)
    assert reason in str(refused.value.cause)
    assert (await pool.status()).definition.targets == Targets(hot=1)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"kind": "drain", "by": " "}, "needs `by`: say who does it"),
        ({"kind": "resize"}, "needs targets, such as hot=3"),
        ({"kind": "resize", "targets": {"hot": 9}}, "9 free members are more than max 6"),
        ({"kind": "resize", "targets": {"hot": -1}}, "hot is -1: give 0 or more"),
        ({"kind": "resize", "targets": {"listening": 1}}, "need a `listening` section"),
        ({"kind": "recycle", "targets": {"hot": 1}}, "recycle takes no targets"),
    ],
)
async def test_a_wrong_operation_is_refused_and_not_written_down(
    begin_pool: Begin, asked: Any, reason: str
) -> None:
    pool = await begin_pool(targets=Targets(hot=0))
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await pool.operates(**asked)
    assert reason in str(refused.value.cause)
    assert (await pool.status()).operations == ()


async def test_a_drained_pool_gives_nothing_out_until_it_is_resumed(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    status = await pool.operates("drain", reason="a new account")
    assert (status.word, status.targets) == ("drained", Targets())
    await eventually(lambda: not ports.warm.alive)
    answer = await pool.claims()
    assert answer.reason.startswith("the pool is drained by ops since")
    await pool.operates("resume")
    await pool.has(1, "free")
    assert (await pool.claims()).kind == "assigned"


async def test_a_paused_pool_keeps_its_members_for_itself(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    await pool.operates("pause")
    assert (await pool.claims()).kind == "none"
    assert len(ports.warm.alive) == 1
    assert (await pool.status()).word == "paused"


async def test_a_resize_holds_until_it_is_resumed(begin_pool: Begin) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.operates("resize", targets={"hot": 2})
    await pool.has(2, "free")
    assert (await pool.operates("resume")).targets == Targets(hot=1)


async def test_recycled_members_are_replaced_one_after_the_other(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=2))
    first = {each.name for each in await pool.has(2, "free")}
    await pool.operates("recycle")

    async def are_others() -> bool:
        await pool.agents_stand_by()
        return first.isdisjoint(each.name for each in await pool.members("free"))

    await eventually(are_others)
    await pool.has(2, "free")
    assert set(ports.warm.removed) == first
    assert ports.warm.most == 3


async def test_members_of_another_spec_go_at_once(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(targets=Targets(hot=2))
    first = {each.name for each in await pool.has(2, "free")}
    bigger = SPEC.model_copy(update={"cpu": Span(least=8, most=16)})
    await configured(pool, targets=Targets(hot=2), spec=bigger)
    await eventually(lambda: set(ports.warm.removed) == first)
    await pool.has(2, "free")
    assert ports.warm.orders[-1].spec.cpu == bigger.cpu


async def test_the_operators_reasons_are_on_its_page(begin_pool: Begin) -> None:
    pool = await begin_pool(targets=Targets(hot=0), spec=RunnerSpec())
    await pool.operates("pause", reason="the image is broken | see chat")
    page = str(await pool.handle.query("__temporal_workflow_metadata"))
    assert "pause by ops: the image is broken / see chat" in page
