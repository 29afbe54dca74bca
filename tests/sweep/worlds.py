"""A worker that sweeps a world in memory, on a real Temporal server."""

from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from activities.sweep_members import MemberActivities, member_activities
from activities.sweeps import (
    CloudActivities,
    GitHubActivities,
    LifecycleActivities,
    sweep_activities,
)
from tests.sweep.fakes import (
    MemoryLifecycles,
    MemoryProviderOf,
    MemorySweptGitHub,
    MemoryTerminator,
    Outside,
)
from workflows.sweep import Sweep


def swept(outside: Outside, inventory: MemoryTerminator | None = None) -> list[Callable[..., Any]]:
    """All that a sweep calls, over one world; `inventory` is how its cloud is seen."""
    lifecycles, github = MemoryLifecycles(outside), MemorySweptGitHub(outside)
    inventory = inventory or MemoryTerminator(outside)
    members = MemberActivities(lifecycles, inventory, inventory=inventory, github=github)
    return [
        *sweep_activities(
            LifecycleActivities(lifecycles, lifecycles.start),
            CloudActivities(
                MemoryProviderOf(outside), inventory, inventory=inventory, github=github
            ),
            GitHubActivities(github),
        ),
        *member_activities(members),
    ]


@asynccontextmanager
async def serving(
    temporal: Client, queue: str, activities: Sequence[Callable[..., Any]]
) -> AsyncIterator[Worker]:
    """Serve sweeps on a task queue."""
    with ThreadPoolExecutor(8) as threads:
        async with Worker(
            temporal,
            task_queue=queue,
            workflows=[Sweep],
            activities=activities,
            activity_executor=threads,
        ) as worker:
            yield worker
