"""What a lifecycle says to its pool, and what it makes of the answers."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from runs_fleet import names
from runs_fleet.errors import NoCapacity, Refused
from runs_fleet.models import Machine, RunnerSpec
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave
from tests.fakes import MemoryProvider
from tests.lifecycles import QUICK, Job, Start, eventually
from tests.warm import SilentPool, TakenMembers
from workflows.runner_lifecycle import RunnerLifecycle

LONG = QUICK.model_copy(update={"pool_patience": timedelta(minutes=5)})
SHORT = QUICK.model_copy(update={"pool_patience": timedelta(milliseconds=100)})
MEMBER = names.member("warm", "abcdef", 1)
MACHINE = Machine(machine_id="i-warm", machine_type="c7g.large")


class Pool:
    """The pool of one test."""

    def __init__(self, name: str, handle: WorkflowHandle[SilentPool, None]) -> None:
        self.name, self.handle = name, handle

    async def heard(self, number: int = 1) -> PoolClaim:
        """Wait for the n-th claim."""
        claims: list[PoolClaim] = await eventually(lambda: self._claims(number))
        return claims[number - 1]

    async def _claims(self, number: int) -> list[PoolClaim]:
        claims = await self.handle.query(SilentPool.claims)
        return claims if len(claims) >= number else []

    async def left(self) -> list[PoolLeave]:
        """Tell what lifecycles have said that they have no use for."""
        return await self.handle.query(SilentPool.leaves)

    async def answers(self, job: Job, **facts: Any) -> None:
        """Say something to a job."""
        told: dict[str, Any] = {"job_id": job.job_id, "attempt": 1, "pool": self.name}
        await job.handle.signal(RunnerLifecycle.pool, PoolAnswer(**(told | facts)))

    async def assigns(self, job: Job, tier: str = "hot", **facts: Any) -> None:
        """Give the test's one member to a job."""
        offer = {"member": MEMBER, "tier": tier, "machine": MACHINE, "wake": "wake-1"}
        await self.answers(job, kind="assigned", **(offer | facts))


@pytest_asyncio.fixture
async def pool(temporal: Client, queue: str) -> AsyncIterator[Pool]:
    name = f"p{uuid4().hex[:12]}"
    handle = await temporal.start_workflow(
        SilentPool.run, id=names.pool("ec2", name), task_queue=queue
    )
    yield Pool(name, handle)
    await handle.signal(SilentPool.end)


@pytest.fixture
def begin(start: Start, pool: Pool) -> Callable[..., Any]:
    """Start a job of the pool."""

    async def one(**changes: Any) -> Job:
        asked = {"policy": LONG, "spec": RunnerSpec(pool=pool.name)}
        job: Job = await start(**(asked | changes))
        return job

    return one


async def test_a_hot_member_becomes_the_runner_and_nothing_is_bought(
    begin: Start, pool: Pool, provider: MemoryProvider, warm: TakenMembers
) -> None:
    job = await begin()
    claim = await pool.heard()
    assert (claim.runner, claim.attempt) == (job.runner(), 1)
    await pool.assigns(job)
    await job.runs_to_its_end()
    outcome = await job.outcome()
    assert outcome.machine == MACHINE
    assert warm.taken == {MACHINE.machine_id: job.runner()}
    assert (warm.started, warm.woken, warm.removed) == ([], ["wake-1"], [MEMBER])
    assert provider.orders == []
    gone = PoolLeave(job_id=job.job_id, attempt=1, member=MEMBER, gone=True, final=True)
    assert await pool.left() == [gone]


async def test_a_stopped_member_is_started(begin: Start, pool: Pool, warm: TakenMembers) -> None:
    job = await begin()
    await pool.heard()
    await pool.assigns(job, "stopped", wake="")
    await job.runs_to_its_end()
    await job.outcome()
    assert (warm.started, warm.woken) == ([MACHINE.machine_id], [])


@pytest.mark.parametrize("policy", [LONG, SHORT])
async def test_without_a_warm_member_a_job_goes_the_cold_way(
    begin: Start, pool: Pool, provider: MemoryProvider, policy: Any
) -> None:
    job = await begin(policy=policy)
    await pool.heard()
    await pool.answers(job, kind="none", reason="all are taken")
    await job.runs_to_its_end()
    await job.outcome()
    assert len(provider.made) == 1
    assert await pool.left() == [PoolLeave(job_id=job.job_id, attempt=1, final=True)]


async def test_a_pool_that_does_not_answer_is_not_waited_for(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin(policy=SHORT)
    await job.boots()
    await pool.assigns(job)
    await job.says_github("in_progress", on=job.runner())
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.says_agent("finished", outcome="Succeeded")
    await job.outcome()
    assert len(provider.made) == 1
    assert [(each.member, each.unused) for each in await pool.left()] == [
        (MEMBER, True),
        ("", False),
    ]


async def test_a_pool_that_is_not_there_costs_nothing(
    start: Start, provider: MemoryProvider
) -> None:
    job = await start(policy=LONG, spec=RunnerSpec(pool="nowhere"))
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"
    assert len(provider.made) == 1


async def test_a_job_that_is_taken_before_the_answer_gives_the_member_back(
    begin: Start, pool: Pool, provider: MemoryProvider, warm: TakenMembers
) -> None:
    job = await begin()
    await pool.heard()
    await job.says_github("in_progress", on="somebody")
    await job.says_github("completed", on="somebody", conclusion="success")
    await pool.assigns(job)
    await job.outcome()
    assert provider.orders == []
    assert warm.taken == {}


async def test_a_member_that_cannot_start_is_replaced_by_a_cold_machine(
    begin: Start, pool: Pool, provider: MemoryProvider, warm: TakenMembers
) -> None:
    job = await begin()
    warm.trouble = NoCapacity("InsufficientInstanceCapacity")
    await pool.heard()
    await pool.assigns(job, "stopped")
    await job.runs_to_its_end(2)
    outcome = await job.outcome()
    assert [each.cause for each in outcome.attempts] == ["not_taken", "job_done"]
    assert warm.removed == [MEMBER]
    assert len(provider.made) == 1


async def test_a_machine_that_bears_another_runners_mark_is_left_alone(
    begin: Start, pool: Pool, provider: MemoryProvider, warm: TakenMembers
) -> None:
    job = await begin()
    warm.trouble = Refused("i-warm is the machine of another runner")
    await pool.heard()
    await pool.assigns(job)
    await job.runs_to_its_end(2)
    await job.outcome()
    assert (warm.removed, warm.woken) == ([], [])
    assert len(provider.made) == 1


async def test_a_patient_job_waits_for_a_listening_member_and_makes_none_of_its_own(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin()
    await pool.heard()
    await pool.answers(job, kind="patient", until=datetime.now(UTC) + timedelta(minutes=5))
    listener = names.member_runner(MEMBER, 1)
    await job.says_github("in_progress", on=listener)
    booked = {"member": MEMBER, "tier": "listening", "machine": MACHINE}
    await pool.answers(job, kind="booked", **booked)
    await job.says_github("completed", on=listener, conclusion="success")
    outcome = await job.outcome()
    assert (outcome.runner, outcome.machine) == (listener, MACHINE)
    assert provider.orders == []


async def test_patience_that_was_in_vain_ends_in_another_claim(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin()
    await pool.heard()
    await pool.answers(job, kind="patient", until=datetime.now(UTC) + timedelta(milliseconds=50))
    assert (await pool.heard(2)).waited
    await pool.answers(job, kind="none")
    await job.runs_to_its_end()
    await job.outcome()
    assert len(provider.made) == 1


async def test_a_leased_cache_goes_with_the_order_and_comes_back(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin()
    await pool.heard()
    await pool.answers(job, kind="assigned", cache="cache-1")
    await job.runs_to_its_end()
    await job.outcome()
    assert [order.cache for order in provider.orders] == ["cache-1"]
    gone = PoolLeave(job_id=job.job_id, attempt=1, member="cache-1", gone=True, final=True)
    assert await pool.left() == [gone]


async def test_a_cache_whose_runner_did_not_say_that_it_ended_may_still_be_in_use(
    begin: Start, pool: Pool
) -> None:
    job = await begin()
    await pool.heard()
    await pool.answers(job, kind="assigned", cache="cache-1")
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.outcome()
    [gone] = await pool.left()
    assert (gone.member, gone.gone, gone.running) == ("cache-1", True, True)


async def test_a_lifecycle_that_was_claimed_for_takes_the_answer_and_does_not_claim(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin(claimed=True)
    await pool.assigns(job)
    await job.runs_to_its_end()
    assert (await job.outcome()).machine == MACHINE
    assert await pool.handle.query(SilentPool.claims) == []
    assert provider.orders == []
    [left] = await pool.left()
    assert (left.member, left.gone, left.final) == (MEMBER, True, True)


async def test_a_lifecycle_whose_pool_nobody_keeps_buys_at_once_and_tells_nobody(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin(claimed=True)
    await pool.answers(job, kind="absent")
    await job.runs_to_its_end()
    await job.outcome()
    assert len(provider.orders) == 1
    assert await pool.handle.query(SilentPool.claims) == []
    assert await pool.left() == []


async def test_a_lifecycle_that_nobody_claimed_for_after_all_claims_by_itself(
    begin: Start, pool: Pool, provider: MemoryProvider
) -> None:
    job = await begin(claimed=True)
    claim = await pool.heard()
    assert (claim.job_id, claim.attempt, claim.waited) == (job.job_id, 1, False)
    await pool.assigns(job)
    await job.runs_to_its_end()
    assert (await job.outcome()).machine == MACHINE
    assert provider.orders == []
