"""A worker that keeps pools in memory, one pool of it, and the jobs that claim of it."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from activities.jobs import JobActivities
    from activities.pools import PoolActivities, pool_activities
    from activities.runners import RunnerActivities, runner_activities
    from runs_fleet import names
    from runs_fleet.models import JobEvent, Phase, ReportKind, RunnerReport
    from runs_fleet.pools.state import PoolState
    from runs_fleet.pools.status import MemberLine, PoolStatus
    from runs_fleet.pools.wire import PoolAnswer, PoolLeave, PoolOperation
    from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
    from tests.lifecycles import eventually
    from tests.pools.memory import MemoryPlaceholders, MemoryWarm
    from tests.pools.worlds import claim, definition
    from worker.heartbeats import BEAT, Heartbeats
    from workflows.pool_manager import PoolManager
    from workflows.runner_lifecycle import RunnerLifecycle

NUMBERS = itertools.count(1)
JOBS = itertools.count(7_000_000)


@workflow.defn
class Asker:
    """A job that hears what its pool says, and does nothing about it."""

    def __init__(self) -> None:
        self._answers: list[PoolAnswer] = []
        self._over = False

    @workflow.run
    async def run(self) -> None:
        await workflow.wait_condition(lambda: self._over)

    @workflow.signal
    def pool(self, answer: PoolAnswer) -> None:
        self._answers.append(answer)

    @workflow.signal
    def end(self) -> None:
        self._over = True

    @workflow.query
    def answers(self) -> list[PoolAnswer]:
        return self._answers


@dataclass
class Ports:
    """The world of one test's pools."""

    warm: MemoryWarm = field(default_factory=MemoryWarm)
    placeholders: MemoryPlaceholders = field(default_factory=MemoryPlaceholders)
    github: MemoryGitHub = field(default_factory=MemoryGitHub)
    configs: MemoryConfigs = field(default_factory=MemoryConfigs)
    provider: MemoryProvider = field(default_factory=MemoryProvider)


@dataclass
class Pool:
    """One pool's manager, with its agents', GitHub's and its jobs' lines to say."""

    temporal: Client
    queue: str
    ports: Ports
    name: str
    handle: WorkflowHandle[PoolManager, None]
    greeted: set[str] = field(default_factory=set)
    askers: list[str] = field(default_factory=list)

    async def status(self) -> PoolStatus:
        """Ask how it stands."""
        return await self.handle.query(PoolManager.status)

    async def members(self, phase: str) -> list[MemberLine]:
        """List the members of a phase."""
        return [each for each in (await self.status()).members if each.phase == phase]

    async def has(self, number: int, phase: str) -> list[MemberLine]:
        """Have agents stand by until so many members are in a phase."""

        async def there() -> list[MemberLine] | bool:
            await self.agents_stand_by()
            found = await self.members(phase)
            return len(found) == number and (found or True)

        found: list[MemberLine] | bool = await eventually(there)
        return [] if isinstance(found, bool) else found

    async def agents_stand_by(self) -> None:
        """Have the agents of new machines say that they stand by."""
        for made in list(self.ports.warm.machines.values()):
            if made.order.pool == self.name and made.order.member not in self.greeted:
                self.greeted.add(made.order.member)
                await self.says_agent(made.order.member, "standing_by")

    async def says_agent(self, runner: str, kind: ReportKind, outcome: str = "") -> None:
        """Send what the agent of a member says."""
        said = RunnerReport(runner=runner, kind=kind, outcome=outcome, at=datetime.now(UTC))
        await self.handle.signal(PoolManager.report, said)

    async def says_github(self, phase: Phase, runner: str, job_id: int) -> None:
        """Send what GitHub says of a job on a member."""
        said = JobEvent(job_id=job_id, phase=phase, runner_name=runner, at=datetime.now(UTC))
        await self.handle.signal(PoolManager.github_event, said)

    async def asker(self) -> "Ask":
        """Begin a job that can claim."""
        job_id = next(JOBS)
        handle = await self.temporal.start_workflow(
            Asker.run, id=names.lifecycle(job_id), task_queue=self.queue
        )
        self.askers.append(handle.id)
        return Ask(self, job_id, handle)

    async def claims(self, **more: Any) -> PoolAnswer:
        """Have a new job claim, and return the answer."""
        asker = await self.asker()
        return await asker.claims(**more)

    async def operates(self, kind: str, **more: Any) -> PoolStatus:
        """Do something by hand."""
        asked = PoolOperation.model_validate({"kind": kind, "by": "ops", **more})
        return await self.handle.execute_update(PoolManager.operate, asked)

    async def is_over(self) -> bool:
        """Tell whether its manager has ended."""
        found = await self.temporal.get_workflow_handle(self.handle.id).describe()
        return found.status is not WorkflowExecutionStatus.RUNNING

    async def ends(self) -> None:
        """End it, and every job."""
        with suppress(RPCError):
            await self.temporal.get_workflow_handle(self.handle.id).terminate()
        for each in self.askers:
            await self.temporal.get_workflow_handle(each).signal(Asker.end)


@dataclass
class Ask:
    """One job that claims."""

    pool: Pool
    job_id: int
    handle: WorkflowHandle[Asker, None]

    async def claims(self, number: int = 1, **more: Any) -> PoolAnswer:
        """Claim, and wait for the n-th answer."""
        asked = claim(self.job_id, at=datetime.now(UTC), **more)
        await self.pool.handle.signal(PoolManager.claim, asked)
        return await self.hears(number)

    async def hears(self, number: int = 1) -> PoolAnswer:
        """Wait for the n-th thing that the pool says."""

        async def heard() -> list[PoolAnswer]:
            answers = await self.handle.query(Asker.answers)
            return answers if len(answers) >= number else []

        answers: list[PoolAnswer] = await eventually(heard)
        return answers[number - 1]

    async def leaves(self, member: str = "", **more: Any) -> None:
        """Tell the pool what the job has no use for."""
        said = PoolLeave(job_id=self.job_id, attempt=1, member=member, **more)
        await self.pool.handle.signal(PoolManager.leave, said)


Begin = Callable[..., Any]


@asynccontextmanager
async def keeping(temporal: Client, ports: Ports) -> AsyncIterator[str]:
    """Run a worker that holds these ports, and name its task queue."""
    name = f"pools-{next(NUMBERS)}-{datetime.now(UTC):%f}"
    pools = PoolActivities(
        ports.github, ports.configs, report_secret="s" * 32, reports_address="https://queue"
    )
    pools.warming(ports.warm).placing(ports.placeholders)
    runners = RunnerActivities(
        ports.provider, ports.configs, ports.github, report_secret="s" * 32, reports_address="https"
    ).warming(ports.warm)
    with ThreadPoolExecutor(16) as threads:
        async with Worker(
            temporal,
            task_queue=name,
            workflows=[PoolManager, Asker, RunnerLifecycle],
            activities=[
                *pool_activities(pools),
                *runner_activities(runners),
                JobActivities(ports.github).look_up_job,
            ],
            activity_executor=threads,
            interceptors=[Heartbeats()],
            max_heartbeat_throttle_interval=BEAT,
        ):  # fmt: skip
            yield name
            ports.warm.gate.set()


async def begun(temporal: Client, queue: str, ports: Ports, **changes: Any) -> Pool:
    """Start a pool; changes are of its definition, or of its state by `state`."""
    moment = timedelta(milliseconds=200)
    hasty = {"settling": timedelta(0), "adopted_after": moment, "look_again": moment}
    state_changes = {**hasty, **changes.pop("state", {})}
    name = changes.pop("name", f"p{next(NUMBERS)}-{datetime.now(UTC):%f}")
    defined = definition(name=name, **changes)
    state = PoolState.model_validate({"definition": defined, **state_changes})
    handle = await temporal.start_workflow(
        PoolManager.run, state, id=names.pool(defined.mode, name), task_queue=queue
    )
    return Pool(temporal, queue, ports, name, handle)


async def ended(pool: Pool) -> None:
    """Wait until its manager has nothing left to do."""
    await asyncio.wait_for(pool.temporal.get_workflow_handle(pool.handle.id).result(), 90)
