"""Lifecycles whose GitHub answers over HTTP, on a cloud in memory."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.worker import Worker

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities, runner_activities
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.notices import GitHubNotices
from runs_fleet.models import Scope
from runs_fleet.outcomes import JobOutcome
from simulator.github import GitHubWorld, JobPlan, RunnerRecord, RunPlan
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import QUICK, Job, begin, eventually, request
from workflows.runner_lifecycle import RunnerLifecycle

NUMBERS = itertools.count(1)
JIT = "/actions/runners/generate-jitconfig"
RUNNER = "/actions/runners/{runner}"
HASTY = QUICK.model_copy(update={"boot_timeout": timedelta(seconds=1)})


@dataclass
class Calls:
    """What was asked of GitHub, by the end of the route, and how it answered; 0 is not at all."""

    made: list[tuple[str, str, int]] = field(default_factory=list)

    def note(self, method: str, route: str, status: int) -> None:
        """Note one call."""
        self.made.append((method, route, status))

    def of(self, method: str, end: str) -> list[int]:
        """List how calls of one kind were answered."""
        return [status for by, route, status in self.made if by == method and route.endswith(end)]

    @property
    def statuses(self) -> Counter[int]:
        """Count all answers."""
        return Counter(status for _, _, status in self.made)


@dataclass
class Fleet:
    """One owner's jobs."""

    world: GitHubWorld
    temporal: Client
    client: GitHubClient
    provider: MemoryProvider
    configs: MemoryConfigs
    owner: str
    calls: Calls
    http: httpx.Client

    def __post_init__(self) -> None:
        self.queue = f"moods-{next(NUMBERS)}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Run a worker."""
        runners = RunnerActivities(
            self.provider,
            self.configs,
            self.client,
            report_secret="s" * 32,
            reports_address="https://queue",
        )
        jobs = JobActivities(self.client)
        with ThreadPoolExecutor(8) as threads:
            async with Worker(
                self.temporal,
                task_queue=self.queue,
                workflows=[RunnerLifecycle],
                activities=[
                    *runner_activities(runners),
                    jobs.look_up_job,
                    jobs.rerun_job,
                    NoticeActivities(GitHubNotices(self.client.api)).tell,
                ],
                activity_executor=threads,
            ):
                yield

    async def start(self, *, installs: bool = True, **changes: Any) -> Job:
        """Queue a job at GitHub, and start its lifecycle."""
        label = f"runs-fleet={self.queue}-{next(NUMBERS)}/cpu=2"
        plan = RunPlan(repo=f"{self.owner}/app", jobs=(JobPlan(labels=(label,)),))
        created = await asyncio.to_thread(self.world.create_run, plan)
        if not installs:
            self.world.uninstall(self.owner)
        facts: dict[str, Any] = {
            "job_id": created.jobs[0],
            "run_id": created.run_id,
            "scope": Scope(repo=f"{self.owner}/app", org=self.owner),
            "labels": (label,),
            "label": label,
        }
        return await begin(
            self.temporal,
            self.queue,
            asked=request(**(facts | changes)),
            github=MemoryGitHub(),
            configs=self.configs,
        )

    async def registered(self, job: Job, attempt: int = 1) -> str:
        """Wait until a runner is registered and its config handed over."""
        return str(await self.until(lambda: self.configs.of(job.runner(attempt))))

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something."""
        return await eventually(condition)

    async def ends(self, job: Job) -> JobOutcome:
        """Have GitHub cancel a job, tell its lifecycle, and wait for its end."""
        for machine_id in list(self.configs.held):
            self.configs.delete(machine_id)
        await asyncio.to_thread(self.world.cancel_job, job.job_id)
        await job.says_github("completed", conclusion="cancelled")
        return await job.outcome()

    def registrations(self, job: Job) -> list[RunnerRecord]:
        """List the registrations that a job's runners have at GitHub."""
        mine = f"runs-fleet-{job.job_id}-"
        runners = self.world.books(deliveries=False).runners
        return [one for one in runners if one.name.startswith(mine) and one.removed_at is None]
