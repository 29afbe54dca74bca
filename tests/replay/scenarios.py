"""The lives a lifecycle can lead, each played once for its history."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client

from runs_fleet import names
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.models import Machine, Market, Phase, RunnerSpec
from runs_fleet.pools.wire import PoolAnswer
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import QUICK, Job, begin, eventually, request
from tests.warm import SilentPool
from workflows.runner_lifecycle import RunnerLifecycle

HASTY = QUICK.model_copy(update={"boot_timeout": timedelta(milliseconds=400)})
PATIENT = QUICK.model_copy(update={"theft_grace": timedelta(seconds=2)})
BRIEF = QUICK.model_copy(update={"max_runtime": timedelta(seconds=1)})
SPOT_LOSS = "Server.SpotInstanceTermination"


@dataclass(frozen=True)
class Stage:
    """A worker with ports in memory, and what is needed to start jobs on it."""

    temporal: Client
    queue: str
    provider: MemoryProvider
    configs: MemoryConfigs
    github: MemoryGitHub

    async def start(self, **changes: Any) -> Job:
        """Start one job's lifecycle; keyword arguments change its request."""
        asked = request(**changes)
        return await begin(
            self.temporal, self.queue, asked=asked, github=self.github, configs=self.configs
        )


Scenario = Callable[[Stage], Awaitable[Job]]


async def completed(stage: Stage) -> Job:
    job = await stage.start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_agent("started")
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.says_agent("finished", outcome="Succeeded")
    return job


async def completed_in_a_cluster(stage: Stage) -> Job:
    """Its list shows the machine from the start, and no change until the agent speaks."""
    job = await stage.start(mode="k8s")
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_github("completed", on=job.runner(), conclusion="success")
    return job


async def given_a_warm_machine(stage: Stage) -> Job:
    """Take the machine that a pool has assigned."""
    return await _warm(stage, claimed=False)


async def given_what_was_claimed_for_it(stage: Stage) -> Job:
    """Take the machine for which the lifecycle did not have to ask."""
    return await _warm(stage, claimed=True)


async def _warm(stage: Stage, *, claimed: bool) -> Job:
    pool = await stage.temporal.start_workflow(
        SilentPool.run, id=names.pool("ec2", "warm"), task_queue=stage.queue
    )
    asked = QUICK.model_copy(update={"pool_patience": timedelta(minutes=1)})
    job = await stage.start(policy=asked, spec=RunnerSpec(pool="warm"), claimed=claimed)
    if not claimed:
        await eventually(lambda: pool.query(SilentPool.claims))
    answer = PoolAnswer(
        kind="assigned",
        job_id=job.job_id,
        attempt=1,
        pool="warm",
        member=names.member("warm", "abcdef", 1),
        tier="hot",
        machine=Machine(machine_id="i-warm"),
        wake="wake",
    )
    await job.handle.signal(RunnerLifecycle.pool, answer)
    await job.runs_to_its_end()
    await eventually(lambda: pool.query(SilentPool.leaves))
    await pool.signal(SilentPool.end)
    return job


async def failed(stage: Stage) -> Job:
    job = await stage.start()
    await job.runs_to_its_end(conclusion="failure")
    return job


async def cancelled_before_create(stage: Stage) -> Job:
    stage.provider.errors.extend(Unavailable("HTTP 500") for _ in range(50))
    job = await stage.start()
    await eventually(lambda: stage.provider.orders)
    await job.says_github("completed", conclusion="cancelled")
    return job


async def cancelled_during_create(stage: Stage) -> Job:
    stage.provider.gate.clear()
    job = await stage.start()
    await eventually(stage.provider.entered.is_set)
    await job.says_github("completed", conclusion="cancelled")
    await job.handle.query("progress")
    stage.provider.gate.set()
    return job


async def cancelled_while_booting(stage: Stage) -> Job:
    job = await stage.start()
    await eventually(lambda: stage.github.minted)
    await job.says_github("completed", conclusion="cancelled")
    return job


async def stolen(stage: Stage) -> Job:
    job = await stage.start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner(1), job_id=77)
    await job.boots(2)
    await job.says_github("in_progress", on=job.runner(2))
    await job.says_github("completed", on=job.runner(1), job_id=77, conclusion="success")
    await job.says_github("completed", on=job.runner(2), conclusion="success")
    return job


async def borrowed(stage: Stage) -> Job:
    return (await _swap(stage))[0]


async def lent(stage: Stage) -> Job:
    return (await _swap(stage))[1]


async def _swap(stage: Stage) -> tuple[Job, Job]:
    """One job gets the other's runner, and leaves its own to it: who borrowed, and who lent."""
    owner, thief = await stage.start(policy=PATIENT), await stage.start(policy=PATIENT)
    await owner.boots()
    await thief.boots()
    await _told(owner, thief, "in_progress", runner=owner.runner(), job=thief)
    await eventually(lambda: owner.waits_for(thief.runner()))
    await _told(owner, thief, "in_progress", runner=thief.runner(), job=owner)
    await _told(owner, thief, "completed", runner=owner.runner(), job=thief)
    await _told(owner, thief, "completed", runner=thief.runner(), job=owner)
    await owner.outcome()
    await thief.outcome()
    return owner, thief


async def _told(first: Job, second: Job, phase: Phase, *, runner: str, job: Job) -> None:
    """What GitHub says of a job on another job's runner goes to both lifecycles."""
    how = "success" if phase == "completed" else None
    for ear in (first, second):
        await ear.says_github(phase, on=runner, job_id=job.job_id, conclusion=how)


async def boot_timeout(stage: Stage) -> Job:
    job = await stage.start(policy=HASTY)
    await eventually(lambda: len(stage.provider.made) == 2)
    await job.runs_to_its_end(2)
    return job


async def machine_lost_while_idle(stage: Stage) -> Job:
    job = await stage.start()
    await job.says_cloud(await job.boots(), SPOT_LOSS)
    await job.runs_to_its_end(2)
    return job


async def spot_loss_with_rerun(stage: Stage) -> Job:
    job = await stage.start()
    machine_id = await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_cloud(machine_id, SPOT_LOSS)
    await job.says_github("completed", on=job.runner(), conclusion="failure")
    return job


async def refused(stage: Stage) -> Job:
    return await stage.start(refusal="unknown key 'gpu'", spec=None)


async def gave_up_on_a_refused_order(stage: Stage) -> Job:
    stage.provider.errors.append(Refused("no instance type has 1000 cpu"))
    return await stage.start()


async def gave_up_waiting(stage: Stage) -> Job:
    stage.provider.full = {Market.SPOT, Market.ON_DEMAND}
    return await stage.start(policy=QUICK.model_copy(update={"max_wait": timedelta(seconds=1)}))


async def released_by_operator(stage: Stage) -> Job:
    job = await stage.start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.handle.cancel()
    return job


async def released_during_create(stage: Stage) -> Job:
    stage.provider.gate.clear()
    job = await stage.start()
    await eventually(stage.provider.entered.is_set)
    await job.handle.cancel()
    await job.handle.query("progress")
    stage.provider.gate.set()
    return job


async def no_capacity_ladder(stage: Stage) -> Job:
    stage.provider.full = {Market.SPOT, Market.ON_DEMAND}
    job = await stage.start()
    await eventually(lambda: len(stage.provider.orders) > 5)
    stage.provider.full = {Market.SPOT}
    await job.runs_to_its_end()
    return job


async def timed_out(stage: Stage) -> Job:
    job = await stage.start(policy=BRIEF)
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    return job


async def vanished(stage: Stage) -> Job:
    stage.github.all_forgotten = True
    hasty = QUICK.model_copy(update={"boot_timeout": timedelta(milliseconds=600)})
    late = datetime.now(UTC) - timedelta(hours=1)
    return await stage.start(policy=hasty, queued_at=late)


ENDS: dict[Scenario, str] = {
    completed: "completed",
    completed_in_a_cluster: "completed",
    given_a_warm_machine: "completed",
    given_what_was_claimed_for_it: "completed",
    failed: "completed",
    cancelled_before_create: "cancelled",
    cancelled_during_create: "cancelled",
    cancelled_while_booting: "cancelled",
    stolen: "completed",
    borrowed: "completed",
    lent: "completed",
    boot_timeout: "completed",
    machine_lost_while_idle: "completed",
    spot_loss_with_rerun: "completed",
    refused: "refused",
    gave_up_on_a_refused_order: "gave_up",
    gave_up_waiting: "gave_up",
    released_by_operator: "released",
    released_during_create: "released",
    no_capacity_ladder: "completed",
    timed_out: "timed_out",
    vanished: "vanished",
}
NAMES: dict[str, Scenario] = {scenario.__name__: scenario for scenario in ENDS}
