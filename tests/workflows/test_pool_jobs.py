"""Whole jobs on members of a pool: the lifecycle and the pool's manager, each as it is."""

from datetime import timedelta

from runs_fleet.errors import NoCapacity
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Targets
from tests.lifecycles import QUICK, Job, begin, eventually, request
from tests.pools.managing import Begin, Pool, Ports

PATIENT = QUICK.model_copy(update={"pool_patience": timedelta(seconds=60)})


async def started(pool: Pool, ports: Ports) -> Job:
    asked = request(policy=PATIENT, spec=RunnerSpec(pool=pool.name))
    return await begin(
        pool.temporal, pool.queue, asked=asked, github=ports.github, configs=ports.configs
    )


async def test_a_job_runs_on_a_hot_member_and_another_takes_its_place(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(hot=1))
    [first] = await pool.has(1, "free")
    job = await started(pool, ports)
    await job.runs_to_its_end()
    outcome = await job.outcome()
    assert outcome.machine is not None
    assert outcome.machine.machine_id == first.machine_id
    assert ports.provider.orders == []
    [second] = await pool.has(1, "free")
    await pool.has(0, "claimed")
    assert second.name != first.name
    status = await pool.status()
    assert (status.jobs_at_once, status.total) == (0, 1)
    assert [each.order.member for each in ports.warm.alive] == [second.name]


async def test_a_job_that_a_full_pool_cannot_serve_goes_the_cold_way(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(), max=1)
    job = await started(pool, ports)
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"
    assert len(ports.provider.made) == 1
    assert ports.provider.alive == []

    async def is_forgotten() -> bool:
        return bool((await pool.status()).jobs_at_once == 0)

    await eventually(is_forgotten)


async def test_a_member_that_cannot_start_is_given_to_nobody_else(
    begin_pool: Begin, ports: Ports
) -> None:
    pool = await begin_pool(targets=Targets(stopped=1))
    [first] = await pool.has(1, "stopped")
    ports.warm.refuses_to_start = NoCapacity("no c7g.xlarge in z-a")
    job = await started(pool, ports)
    await job.runs_to_its_end(2)
    outcome = await job.outcome()
    assert len(ports.provider.made) == 1
    assert [attempt.number for attempt in outcome.attempts] == [1, 2]
    [second] = await pool.has(1, "stopped")
    assert second.name != first.name
    assert first.name in ports.warm.removed
