"""A worker with ports in memory, and a job whose outside world the test plays by hand."""

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities, runner_activities
from runs_fleet import names
from runs_fleet.models import (
    JobEvent,
    JobRequest,
    MachineEvent,
    Phase,
    Policy,
    ReportKind,
    RunnerReport,
    RunnerSpec,
    Scope,
)
from runs_fleet.outcomes import JobOutcome
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.warm import SilentPool, TakenMembers
from worker.heartbeats import BEAT, Heartbeats
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

QUICK = Policy(
    theft_grace=timedelta(milliseconds=50),
    finish_grace=timedelta(milliseconds=200),
    retry_least=timedelta(milliseconds=50),
    busy_look=timedelta(milliseconds=100),
)
SHA = "5c1f" * 10
JOB_IDS = itertools.count(9_000_000)
PATIENCE = 90.0


async def eventually(
    condition: Callable[[], Any],
    *,
    what: str = "it",
    look: float = 0.01,
    patience: float = PATIENCE,
) -> Any:
    """Wait until a condition holds (it may be awaitable), and give back what it gave."""
    deadline = asyncio.get_running_loop().time() + patience
    while not (value := await _value(condition)):
        assert asyncio.get_running_loop().time() < deadline, f"{what} never came true"
        await asyncio.sleep(look)
    return value


async def _value(condition: Callable[[], Any]) -> Any:
    value = condition()
    return await value if inspect.isawaitable(value) else value


class Job:
    """One job's lifecycle, with GitHub's, the agent's and the cloud's lines to say."""

    def __init__(
        self,
        job_id: int,
        handle: WorkflowHandle[RunnerLifecycle, JobOutcome],
        *,
        github: MemoryGitHub,
        configs: MemoryConfigs,
    ) -> None:
        self.job_id, self.handle = job_id, handle
        self._github, self._configs = github, configs

    def runner(self, attempt: int = 1) -> str:
        """Name this job's runner of an attempt."""
        return names.runner(self.job_id, attempt)

    async def boots(self, attempt: int = 1) -> str:
        """Wait for the runner's config, take it as its agent does, and report ready."""
        runner = self.runner(attempt)
        machine_id = await eventually(lambda: self._configs.of(runner))
        self._configs.delete(machine_id)
        await self.says_agent("ready", attempt=attempt)
        return str(machine_id)

    async def says_github(
        self,
        phase: Phase,
        *,
        on: str | None = None,
        job_id: int | None = None,
        conclusion: str | None = None,
    ) -> None:
        """Send what GitHub says, and let its runner be busy or deregistered accordingly."""
        said = JobEvent(
            job_id=job_id or self.job_id,
            phase=phase,
            runner_name=on,
            conclusion=conclusion,
            at=datetime.now(UTC),
        )
        if on and phase == "in_progress":
            self._github.busy.add(on)
        if on and phase == "completed":
            self._github.forget(on)
        await self.handle.signal(RunnerLifecycle.github_event, said)

    async def says_agent(self, kind: ReportKind, *, attempt: int = 1, outcome: str = "") -> None:
        """Send a report of this job's runner."""
        said = RunnerReport(
            runner=self.runner(attempt), kind=kind, at=datetime.now(UTC), outcome=outcome
        )
        await self.handle.signal(RunnerLifecycle.report, said)

    async def says_cloud(self, machine_id: str, cause: str, *, taken: bool = True) -> None:
        """Send that a machine is gone."""
        said = MachineEvent(
            machine_id=machine_id, kind="gone", cause=cause, taken=taken, at=datetime.now(UTC)
        )
        await self.handle.signal(RunnerLifecycle.machine_event, said)

    async def runs_to_its_end(self, attempt: int = 1, conclusion: str = "success") -> None:
        """Play the rest of an ordinary job on this job's own runner."""
        runner = self.runner(attempt)
        await self.boots(attempt)
        await self.says_github("in_progress", on=runner)
        await self.says_github("completed", on=runner, conclusion=conclusion)
        await self.says_agent("finished", attempt=attempt, outcome="Succeeded")

    async def waits_for(self, runner: str) -> bool:
        """Tell whether its page says that it waits for another job's runner."""
        page = str(await self.handle.query("__temporal_workflow_metadata"))
        return f"Waits for `{runner}`" in page

    async def outcome(self) -> JobOutcome:
        """Wait for the end."""
        return await asyncio.wait_for(self.handle.result(), PATIENCE)


@pytest.fixture
def provider() -> Iterator[MemoryProvider]:
    memory = MemoryProvider()
    yield memory
    assert memory.alive == [], "a test left a machine behind"


@pytest.fixture
def configs() -> Iterator[MemoryConfigs]:
    memory = MemoryConfigs()
    yield memory
    assert list(memory.held) == [], "a test left a secret behind"


@pytest.fixture
def github() -> Iterator[MemoryGitHub]:
    memory = MemoryGitHub()
    yield memory
    assert list(memory.runners) == [], "a test left a registration behind"


@pytest.fixture
def warm() -> TakenMembers:
    """The warm machines that pools give to this test's jobs."""
    return TakenMembers()


@asynccontextmanager
async def serving(
    temporal: Client,
    provider: MemoryProvider,
    *,
    configs: MemoryConfigs,
    github: MemoryGitHub,
    warm: TakenMembers | None = None,
) -> AsyncIterator[str]:
    """Run a worker that holds these ports, and name its task queue."""
    name = f"test-{next(JOB_IDS)}"
    runners = RunnerActivities(
        provider, configs, github, report_secret="s" * 32, reports_address="https://queue"
    ).warming(warm or TakenMembers())
    jobs = JobActivities(github)
    with ThreadPoolExecutor(16) as threads:
        async with Worker(
            temporal,
            task_queue=name,
            workflows=[RunnerLifecycle, SilentPool],
            activities=[
                *runner_activities(runners),
                jobs.look_up_job,
                jobs.rerun_job,
                NoticeActivities(github.notices).tell,
            ],
            activity_executor=threads,
            interceptors=[Heartbeats()],
            max_heartbeat_throttle_interval=BEAT,
        ):
            yield name


def request(*, policy: Policy = QUICK, **changes: Any) -> JobRequest:
    """Ask for an ordinary job's runner; keyword arguments change the request."""
    now = datetime.now(UTC)
    asked: dict[str, Any] = {
        "job_id": next(JOB_IDS),
        "run_id": 1,
        "scope": Scope(repo="octo/hello"),
        "name": "build",
        "workflow": "CI",
        "head_sha": SHA,
        "labels": ("runs-fleet/cpu=4",),
        "label": "runs-fleet/cpu=4",
        "spec": RunnerSpec(),
        "queued_at": now,
        "delivered_at": now,
        "policy": policy,
        "one_call": True,
        "sparing": True,
    }
    return JobRequest(**(asked | changes))


async def begin(
    temporal: Client, queue: str, *, asked: JobRequest, github: MemoryGitHub, configs: MemoryConfigs
) -> Job:
    """Start a job's lifecycle on a task queue."""
    github.set_job(asked.job_id)
    handle = await temporal.start_workflow(
        RunnerLifecycle.run,
        asked,
        id=names.lifecycle(asked.job_id),
        task_queue=queue,
        search_attributes=attributes.at_start(asked),
    )
    return Job(asked.job_id, handle, github=github, configs=configs)


@pytest_asyncio.fixture
async def queue(
    temporal: Client,
    provider: MemoryProvider,
    configs: MemoryConfigs,
    github: MemoryGitHub,
    warm: TakenMembers,
) -> AsyncIterator[str]:
    """The task queue of a worker that holds this test's ports."""
    async with serving(temporal, provider, configs=configs, github=github, warm=warm) as name:
        yield name


Start = Callable[..., Any]


@pytest_asyncio.fixture
async def start(
    temporal: Client, queue: str, github: MemoryGitHub, configs: MemoryConfigs
) -> AsyncIterator[Start]:
    """Start the lifecycle of a new job; keyword arguments change its request."""

    async def one(**changes: Any) -> Job:
        asked = request(**changes)
        return await begin(temporal, queue, asked=asked, github=github, configs=configs)

    yield one
