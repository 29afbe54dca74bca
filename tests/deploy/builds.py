"""Several builds of the worker at once, over one world in memory."""

import asyncio
import itertools
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities, runner_activities
from runs_fleet.census import OwnedMachine
from runs_fleet.models import Machine, MachineOrder, Scope
from runs_fleet.ports import JitRunner
from simulator.temporal import executable
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import Job, begin, eventually, request
from tests.sweep.fakes import MemoryTerminator, Outside
from tests.sweep.worlds import swept
from worker import serving

NUMBERS = itertools.count(1)
LATENCY = 0.2
KINDS = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)


class SlowProvider(MemoryProvider):
    """A cloud that takes its time, and counts removals."""

    def __init__(self) -> None:
        super().__init__()
        self.removals: list[str] = []

    def create(self, order: MachineOrder) -> Machine:
        made = super().create(order)
        threading.Event().wait(LATENCY)
        return made

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        self.removals.append(runner)
        return super().terminate(runner, machine_id)


class SlowGitHub(MemoryGitHub):
    """A GitHub that takes its time, and counts mints."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.mints: list[str] = []

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        self.mints.append(runner)
        threading.Event().wait(LATENCY)
        return super().mint(scope, runner, labels)


class HeldCloud(MemoryTerminator):
    """An inventory whose first list does not come before it may."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside)
        self.asked, self.may = threading.Event(), threading.Event()
        self.may.set()

    def machines(self) -> list[OwnedMachine]:
        self.asked.set()
        assert self.may.wait(20), "the test never let the list come"
        return super().machines()


@dataclass
class Site:
    """One task queue, its world, and the builds that serve it."""

    temporal: Client
    provider: MemoryProvider
    configs: MemoryConfigs
    github: MemoryGitHub
    outside: Outside = field(default_factory=Outside)

    def __post_init__(self) -> None:
        self.address = self.temporal.service_client.config.target_host
        number = next(NUMBERS)
        self.queue, self.deployment = f"deploy-{number}", f"fleet-{number}"
        self.cloud = HeldCloud(self.outside)

    @asynccontextmanager
    async def serving(self, build: str = "") -> AsyncIterator[Worker]:
        """Run a worker of this build; without one it is unversioned."""
        # A client serves a task queue once.
        client = await Client.connect(self.address, data_converter=pydantic_data_converter)
        said = {serving.BUILD: build, serving.DEPLOYMENT: self.deployment if build else ""}
        with ThreadPoolExecutor(8) as threads:
            worker = serving.worker(
                client,
                self.queue,
                activities=self._activities(build),
                executor=threads,
                version=serving.deployment(said),
            )
            async with worker:
                yield worker

    def _activities(self, build: str) -> Sequence[Callable[..., Any]]:
        # Where a runner is told to report tells which build registered it.
        runners = RunnerActivities(
            self.provider,
            self.configs,
            self.github,
            report_secret="s" * 32,
            reports_address=f"https://{build or 'unversioned'}",
        )
        jobs = JobActivities(self.github)
        return [
            *runner_activities(runners),
            jobs.look_up_job,
            jobs.rerun_job,
            NoticeActivities(self.github.notices).tell,
            *swept(self.outside, self.cloud),
        ]

    async def start(self, **changes: Any) -> Job:
        """Start a job's lifecycle."""
        asked = request(**changes)
        return await begin(
            self.temporal, self.queue, asked=asked, github=self.github, configs=self.configs
        )

    async def registrar(self, job: Job) -> str:
        """Name the build that registered a job's first runner."""
        machine_id = await eventually(lambda: self.configs.of(job.runner()))
        return self.configs.held[machine_id].reports.removeprefix("https://")

    async def make_current(self, build: str) -> None:
        """Do what docs/operations.md says, as soon as the server knows the build."""
        await eventually(lambda: self._made_current(build))
        # The answer comes before every task queue has heard of it.
        await routed(self.temporal, self.queue, self.deployment, build)

    async def _made_current(self, build: str) -> bool:
        current = ["deployment", "set-current-version", "--yes", "--build-id", build]
        return await said(self.address, "worker", *current, "--deployment-name", self.deployment)

    async def move(self, job: Job) -> None:
        """Take a job from a build that is gone to the current one."""
        moved = ["--versioning-override-behavior", "auto_upgrade", "--workflow-id", job.handle.id]
        assert await said(self.address, "workflow", "update-options", *moved)


async def said(address: str, *command: str) -> bool:
    """Give the `temporal` command line an order; False if it was refused."""
    order = [executable(), *command, "--address", address]
    done = await asyncio.to_thread(subprocess.run, order, capture_output=True, check=False)
    return done.returncode == 0


class Rolling:
    """A worker that is replaced as a deploy replaces it: the next one first, then its end."""

    def __init__(self, site: Site) -> None:
        self._site, self._now = site, AsyncExitStack()
        self.drains: list[float] = []

    async def __aenter__(self) -> Self:
        await self._now.enter_async_context(self._site.serving())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._now.aclose()

    async def deploy(self) -> None:
        """Start the next worker, and let the last one finish what it has begun."""
        following = AsyncExitStack()
        await following.enter_async_context(self._site.serving())
        last, self._now = self._now, following
        began = time.monotonic()
        await last.aclose()
        self.drains.append(time.monotonic() - began)


async def build_of(handle: WorkflowHandle[Any, Any]) -> str:
    """Name the build that a workflow belongs to."""
    described = await handle.describe()
    told = described.raw_description.workflow_execution_info.versioning_info
    return told.deployment_version.build_id


async def routed(temporal: Client, queue: str, deployment: str, build: str) -> None:
    """Wait until a task queue itself has heard which build is current.

    The deployment may say for minutes that this is under way.
    """

    async def current(kind: "TaskQueueType.ValueType") -> bool:
        asked = DescribeTaskQueueRequest(
            namespace=temporal.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
        )
        told = await temporal.workflow_service.describe_task_queue(asked)
        version = told.versioning_info.current_deployment_version
        return (version.deployment_name, version.build_id) == (deployment, build)

    for kind in KINDS:
        await eventually(partial(current, kind), what=f"task queue type {kind} of build {build}")
