"""A worker that can be killed: its calls break off, and what it remembered of workflows is lost."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from temporalio.client import Client
from temporalio.worker import Worker

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities, runner_activities
from tests.fakes import MemoryNotices
from tests.stateful.site import Site
from workflows.runner_lifecycle import RunnerLifecycle


class Workers:
    """One worker at a time on one job's task queue; without `memory` every task is a replay."""

    def __init__(self, temporal: Client, queue: str, *, site: Site, memory: bool) -> None:
        self._temporal, self.queue, self._memory = temporal, queue, memory
        runners = RunnerActivities(site, site, site, report_secret="s" * 32, reports_address="q")
        jobs = JobActivities(site)
        self._activities: list[Callable[..., Any]] = [
            *runner_activities(runners),
            jobs.look_up_job,
            jobs.rerun_job,
            NoticeActivities(MemoryNotices()).tell,
        ]
        self._threads = ThreadPoolExecutor(4)
        self._worker: Worker | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._worker = Worker(
            self._temporal,
            task_queue=self.queue,
            workflows=[RunnerLifecycle],
            activities=self._activities,
            activity_executor=self._threads,
            max_cached_workflows=100 if self._memory else 0,
            max_concurrent_activities=4,
            sticky_queue_schedule_to_start_timeout=timedelta(milliseconds=500),
        )
        self._running = asyncio.create_task(self._worker.run())

    async def kill(self) -> None:
        """End it without grace: its calls are broken off where they are."""
        assert self._worker is not None
        assert self._running is not None
        await self._worker.shutdown()
        await self._running

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill()
        self._threads.shutdown()
