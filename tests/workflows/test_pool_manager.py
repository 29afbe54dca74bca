"""The workflow that keeps a pool: what it launches, gives out, and takes away."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError

from runs_fleet import names
from runs_fleet.errors import NoCapacity, Refused, Unavailable
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Targets
from tests.lifecycles import eventually
from tests.pools.managing import Begin, Pool, Ports, ended
from tests.pools.worlds import claim
from workflows.pool_manager import PoolManager

SIGNALLED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
STARTED = EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED
TOLD = EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED


async def test_a_pool_becomes_what_was_wanted(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool()
    await pool.has(2, "free")
    await pool.has(1, "stopped")
    status = await pool.status()
    assert status.counts == {"hot": {"free": 2}, "stopped": {"stopped": 1}}
    assert (status.word, status.total, len(ports.warm.orders)) == ("open", 3, 3)
    assert {order.spec.spot for order in ports.warm.orders} == {False}


async def test_hot_members_are_given_first_then_stopped_ones_then_none(begin_pool: Begin) -> None:
    pool = await begin_pool(max=3)
    await pool.has(1, "stopped")
    await pool.has(2, "free")
    given = [await pool.claims() for _ in range(4)]
    assert [each.tier for each in given] == ["hot", "hot", "stopped", None]
    assert [each.kind for each in given] == ["assigned", "assigned", "assigned", "none"]
    assert len({each.member for each in given}) == 4
    assert given[0].machine is not None
    assert given[0].wake == f"queue-{given[0].machine.machine_id}"
    assert "3 have jobs" in given[3].reason


async def test_a_claim_is_answered_in_the_task_in_which_it_comes(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    ports.warm.gate.clear()
    await pool.claims()
    await pool.has(1, "ordering")
    assert (await pool.claims()).kind == "none"
    ports.warm.gate.set()
    assert await tasks_between_claim_and_answer(pool) == [1, 1]


async def tasks_between_claim_and_answer(pool: Pool) -> list[int]:
    """Count the workflow tasks from each claim to the answer that follows it."""
    events = (await pool.handle.fetch_history()).events
    kinds = [
        (event.event_type, event.workflow_execution_signaled_event_attributes.signal_name)
        for event in events
    ]
    claims = [number for number, kind in enumerate(kinds) if kind == (SIGNALLED, "claim")]
    answers = [number for number, (kind, _) in enumerate(kinds) if kind == TOLD]
    started = [number for number, (kind, _) in enumerate(kinds) if kind == STARTED]
    return [
        sum(claim < task < answer for task in started)
        for claim, answer in zip(claims, answers, strict=True)
    ]


async def test_a_member_that_was_given_is_replaced_at_once(begin_pool: Begin) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    [first] = await pool.has(1, "free")
    given = await pool.claims()
    [second] = await pool.has(1, "free")
    assert given.member == first.name != second.name


async def test_a_member_that_was_not_used_is_removed(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    job = await pool.asker()
    given = await job.claims()
    await job.leaves(given.member, unused=True, final=True)
    await eventually(lambda: given.member in ports.warm.removed)
    await pool.has(0, "claimed")
    assert (await pool.claims()).member != given.member


async def test_what_a_job_has_used_up_counts_no_more(begin_pool: Begin, ports: Ports) -> None:
    pool = await begin_pool(targets=Targets(hot=1), max=1)
    await pool.has(1, "free")
    job = await pool.asker()
    given = await job.claims()
    assert (await pool.status()).jobs_at_once == 1
    assert (await pool.claims()).kind == "none"
    ports.warm.remove(given.member, None)
    await job.leaves(given.member, gone=True, final=True)
    await pool.has(1, "free")
    assert ports.warm.most == 1


async def test_what_was_given_to_a_job_that_is_over_is_removed(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    [free] = await pool.has(1, "free")
    job = await pool.asker()
    await job.handle.terminate()
    pool.askers.remove(job.handle.id)
    await pool.handle.signal(PoolManager.claim, claim(job.job_id))
    await eventually(lambda: free.name in ports.warm.removed)
    assert (await pool.status()).jobs_at_once == 0


@pytest.mark.parametrize(
    ("changes", "asked", "reason"),
    [
        ({"repositories": ("acme/*",)}, {}, "octo/hello is none of its repositories"),
        ({}, {"spec": RunnerSpec(arch="amd64")}, "not what the label asks for: arch"),
        ({"repository_limit": 0}, {}, "as many as one repository may"),
    ],
)
async def test_who_is_not_served_is_told_why(
    begin_pool: Begin, changes: Any, asked: Any, reason: str
) -> None:
    pool = await begin_pool(targets=Targets(hot=1), **changes)
    await pool.has(1, "free")
    answer = await pool.claims(**asked)
    assert answer.kind == "none"
    assert reason in answer.reason


async def test_a_repeated_claim_gets_the_same_answer(begin_pool: Begin) -> None:
    pool = await begin_pool()
    await pool.has(2, "free")
    job = await pool.asker()
    assert await job.claims() == await job.claims(2)


async def test_without_capacity_it_rests_and_says_so(begin_pool: Begin, ports: Ports) -> None:
    ports.warm.errors.append(NoCapacity("no c7g.xlarge in z-a"))
    pool = await begin_pool(targets=Targets(hot=1))
    await eventually(lambda: ports.warm.orders)

    async def rests() -> bool:
        return (await pool.status()).rest_until is not None

    await eventually(rests)
    status = await pool.status()
    assert status.trouble == "NoCapacity: no c7g.xlarge in z-a"
    assert any("nothing is launched before" in reason for reason in status.reasons)
    await pool.operates("resume")
    await pool.has(1, "free")
    assert (await pool.status()).trouble == ""


async def test_a_refused_order_is_trouble_that_people_see(begin_pool: Begin, ports: Ports) -> None:
    ports.warm.errors.append(Refused("there is no such launch template"))
    pool = await begin_pool(targets=Targets(hot=1))

    async def told() -> bool:
        page = str(await pool.handle.query("__temporal_workflow_metadata"))
        return "trouble: Refused: there is no such launch template" in page

    await eventually(told)


async def test_an_order_without_an_answer_makes_no_second_machine(
    begin_pool: Begin, ports: Ports
) -> None:
    ports.warm.errors.append(Unavailable("HTTP 500"))
    pool = await begin_pool(targets=Targets(hot=1))
    await pool.has(1, "free")
    assert len({order.token for order in ports.warm.orders}) == 1
    assert len(ports.warm.machines) == 1


async def test_its_page_tells_of_members_and_reasons(begin_pool: Begin) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    [free] = await pool.has(1, "free")
    page = str(await pool.handle.query("__temporal_workflow_metadata"))
    number = free.name.removeprefix(names.members_prefix(pool.name))
    assert f"| {number} | hot | free |" in page
    assert "hot 1: the pool" in page
    assert free.machine_id in page


async def test_a_cancelled_manager_lets_free_members_go_and_no_other(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool()
    await pool.has(1, "stopped")
    await pool.has(2, "free")
    given = await pool.claims()
    await pool.has(2, "free")
    await pool.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await ended(pool)
    assert [each.order.member for each in ports.warm.alive] == [given.member]


async def test_an_ephemeral_pool_ends_when_nobody_has_claimed_for_long(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(ephemeral=True, idle_life=timedelta(seconds=2))
    await ended(pool)
    assert ports.warm.alive == []


async def test_a_new_manager_adopts_what_a_terminated_one_has_left(
    begin_pool: Begin, ports: Ports, temporal: Client
) -> None:
    pool = await begin_pool(max=3)
    await pool.has(1, "stopped")
    left = await pool.has(2, "free")
    given = await pool.claims()
    assert given.machine is not None
    ports.warm.take(given.machine.machine_id, runner="runs-fleet-1-1", start=False)
    await temporal.get_workflow_handle(pool.handle.id).terminate()
    heir = await begin_pool(name=pool.name, max=3)
    adopted = await heir.has(1, "free")
    await heir.has(1, "stopped")
    assert {each.name for each in left} == {given.member, adopted[0].name}
    assert ports.warm.most == 3
    assert (await heir.status()).unknown == 1
    ports.warm.remove(given.member, None)


async def test_a_new_history_begins_with_all_that_is_known(begin_pool: Begin) -> None:
    pool = await begin_pool(state={"longest_history": 60})
    await pool.has(2, "free")
    first = (await pool.handle.describe()).run_id
    job = await pool.asker()
    given = await job.claims()

    async def is_another() -> bool:
        await pool.claims(repo="acme/app")
        await pool.agents_stand_by()
        latest = await pool.temporal.get_workflow_handle(pool.handle.id).describe()
        return bool(latest.run_id != first)

    await eventually(is_another)
    pool.handle = pool.temporal.get_workflow_handle(pool.handle.id)
    assert await job.claims(2) == given
    held = await pool.members("claimed")
    assert given.member in {each.name for each in held}


async def test_claims_in_a_burst_are_each_answered_once(begin_pool: Begin) -> None:
    pool = await begin_pool(state={"longest_history": 80}, targets=Targets(hot=3), max=3)
    await pool.has(3, "free")
    jobs = [await pool.asker() for _ in range(20)]
    pool.handle = pool.temporal.get_workflow_handle(pool.handle.id)
    answers = await asyncio.gather(*(job.claims() for job in jobs))
    given = [each.member for each in answers if each.kind == "assigned"]
    assert (len(given), len(set(given))) == (3, 3)
