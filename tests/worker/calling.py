"""A fleet whose file lets jobs call for pools, and jobs that do."""

import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from runs_fleet import names
from runs_fleet.errors import Unavailable
from runs_fleet.models import JobRequest, RunnerSpec, Scope, Span
from runs_fleet.pools.definition import PoolDefinition, Targets
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.stores import MemoryPoolStore
from tests.lifecycles import eventually
from tests.pools.worlds import definition
from worker import managers
from worker.pools import Definitions, FilePools, PoolKeeper
from workflows import attributes
from workflows.pool_manager import PoolManager
from workflows.runner_lifecycle import RunnerLifecycle

JOBS = itertools.count(6_200_000)
MACHINES = RunnerSpec(cpu=Span(least=8, most=8), arch="arm64", rerun=False)
# No other test's jobs are meant by the names, and no other test's pools are ephemeral.
POLICY = """\
ephemeral:
  repositories: [octo/*]
  names: [{prefix}*]
  max_pools: {most}
  template: {{max: 5, idle_life: 2h}}
"""


class Store(MemoryPoolStore):
    """A store that can be away."""

    away = False

    def load(self) -> list[PoolDefinition]:
        """List what is in it."""
        if self.away:
            raise Unavailable("the store is away")
        return super().load()


@dataclass
class Site:
    """A fleet whose file says that jobs may call for pools, and the jobs of one test."""

    temporal: Client
    queue: str
    path: Path
    store: Store = field(default_factory=Store)
    prefix: str = field(default_factory=lambda: f"t{uuid4().hex[:8]}-")
    begun: list[str] = field(default_factory=list)

    def allows(self, most: int = 5) -> PoolKeeper:
        """Write the policy, and keep pools by it."""
        self.path.write_text(POLICY.format(prefix=self.prefix, most=most))
        return self.keeper(self.temporal)

    def keeper(self, temporal: Client) -> PoolKeeper:
        """Keep the pools of the file and of the store."""
        file = FilePools(self.path)
        sources: dict[str, Definitions] = {"file": file, "store": self.store}
        return PoolKeeper(temporal, "ec2", sources, self.queue, file=file)

    def name(self, short: str) -> str:
        """Name a pool as no other test does."""
        return self.prefix + short

    async def queues(self, short: str, *, repo: str = "octo/hello", **changes: Any) -> None:
        """Have a job in the search that names a pool."""
        job_id, now = next(JOBS), datetime.now(UTC)
        request = JobRequest(
            job_id=job_id,
            run_id=1,
            scope=Scope(repo=repo),
            labels=("runs-fleet=1",),
            label="runs-fleet=1",
            spec=MACHINES.model_copy(update={"pool": self.name(short), **changes}),
            queued_at=now,
            delivered_at=now,
        )
        handle = await self.temporal.start_workflow(
            RunnerLifecycle.run,
            request,
            id=names.lifecycle(job_id),
            task_queue=f"nobody-{self.prefix}",
            search_attributes=attributes.at_start(request),
        )
        self.begun.append(handle.id)
        await self.shows(f'WorkflowId="{handle.id}"', 1)

    async def shows(self, query: str, number: int) -> None:
        """Wait until so many open workflows are found by the search."""

        async def shown() -> bool:
            found = await self.temporal.count_workflows(f'{query} AND ExecutionStatus="Running"')
            return found.count == number

        await eventually(shown)

    async def is_open(self, short: str) -> bool:
        """Tell whether somebody keeps a pool."""
        manager = self.temporal.get_workflow_handle(names.pool("ec2", self.name(short)))
        with suppress(RPCError):
            return (await manager.describe()).status is WorkflowExecutionStatus.RUNNING
        return False

    async def calls(self, keeper: PoolKeeper, short: str) -> None:
        """Look until somebody keeps a pool."""

        async def kept() -> bool:
            await keeper.turn()
            return await self.is_open(short)

        await eventually(kept)

    async def defined(self, short: str) -> PoolDefinition:
        """Ask a pool what it is."""
        handle = self.temporal.get_workflow_handle(names.pool("ec2", self.name(short)))
        status: PoolStatus = await handle.query(PoolManager.status)
        return status.definition

    async def begins(self, **changes: Any) -> None:
        """Begin a pool that is in no source, as an operator does without a store."""
        made = definition(targets=Targets(), **changes)
        await managers.begin(self.temporal, made, task_queue=self.queue)
        await self.shows(f'{attributes.POOL.name}="{made.name}"', 1)

    async def ends(self, short: str) -> None:
        """End a pool, and wait until the search knows."""
        manager = names.pool("ec2", self.name(short))
        await self.temporal.get_workflow_handle(manager).terminate()
        await self.shows(f'WorkflowId="{manager}"', 0)

    async def close(self) -> None:
        """End everything, so that no other test counts it."""
        all_of_them = [*self.begun, *(names.pool("ec2", self.name(each)) for each in "abz")]
        for each in all_of_them:
            with suppress(RPCError):
                await self.temporal.get_workflow_handle(each).terminate()
        ids = ", ".join(f'"{each}"' for each in all_of_them)
        await self.shows(f"WorkflowId IN ({ids})", 0)
