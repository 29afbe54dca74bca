"""What a worker of any mode runs, and how the parts that both modes share are put together."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from temporalio.client import Client

from activities.archive import ArchiveActivities, archive_activities
from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.pools import PoolActivities, pool_activities
from activities.runners import RunnerActivities, runner_activities
from activities.sweep_members import MemberActivities, member_activities
from activities.sweeps import (
    CloudActivities,
    GitHubActivities,
    LifecycleActivities,
    sweep_activities,
)
from intake.intake import Intake
from intake.requests import Routing
from runs_fleet import names
from runs_fleet.census import SweepRequest
from runs_fleet.fairness import weights
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.events import JobQueued
from runs_fleet.github.notices import GitHubNotices
from runs_fleet.github.registrations import Registrations
from runs_fleet.github.sweep import SweepClient
from runs_fleet.ports import ConfigStore, Provider
from runs_fleet.settings.worker import WorkerSettings
from runs_fleet.sweep_ports import Archive, Inventory
from worker.counts import Counts
from worker.lifecycles import TemporalLifecycles
from worker.pools import Definitions, FilePools, PoolKeeper

Activities = Sequence[Callable[..., Any]]


class Carrier(Protocol):
    """What runs beside the worker, until it is closed."""

    async def run(self) -> None: ...

    async def close(self) -> None: ...


@dataclass(frozen=True)
class Closing:
    """Does nothing but end something when the worker does."""

    end: Callable[[], None]

    async def run(self) -> None:
        """Wait to be cancelled."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """End it, in a thread: it may have something to send."""
        await asyncio.to_thread(self.end)


@dataclass(frozen=True)
class Wired:
    """Everything that a worker runs; `cloud` is what its `warm_up` waits for."""

    task_queue: str
    activities: Activities
    carriers: Sequence[Carrier]
    cloud: str
    warm_up: Callable[[], None]
    sweep: SweepRequest
    sweep_interval: timedelta | None


@dataclass(frozen=True)
class Cloud:
    """One mode's adapters, as sweeps and pools need them."""

    provider: Provider
    configs: ConfigStore
    inventory: Inventory
    archive: Archive | None = None
    pools: PoolActivities | None = None


def github(settings: WorkerSettings, counts: Counts) -> GitHubClient:
    """Reach GitHub. Raises Refused when the App's key cannot be used."""
    key = AppKey.from_pem(settings.github_app_id, settings.app_key())
    api = GitHubApi(settings.github_api_url, key, on_call=counts.github_call)
    registrations = Registrations(
        settings.github_registrations, weight=weights(settings.weights), shown=counts.waiting
    )
    return GitHubClient(
        api,
        runner_group=settings.github_runner_group,
        scope_rule=settings.github_scope,
        registrations=registrations,
    )


def registered(
    runners: RunnerActivities, hub: GitHubClient, settings: WorkerSettings
) -> RunnerActivities:
    """Let runners register by themselves where the operator allows it."""
    return runners.overflowing(hub) if settings.registration == "jit+token" else runners


def intake(settings: WorkerSettings, temporal: Client) -> Intake:
    """Start lifecycles from what the spool or the sweep has found."""
    routing = Routing(mode=settings.mode, backends=settings.backends, policy=settings.policy)
    return Intake(routing, client=temporal)


def pools(settings: WorkerSettings, temporal: Client, store: Definitions | None) -> PoolKeeper:
    """Keep the pools of the file and of the store, where there are these."""
    file = FilePools(settings.pools_file) if settings.pools_file else None
    sources: dict[str, Definitions] = {str(file.path): file} if file else {}
    sources |= {"the store": store} if store else {}
    mode, every = settings.mode, settings.pools_interval.total_seconds()
    return PoolKeeper(
        temporal,
        mode,
        sources,
        names.task_queue(mode),
        every,
        file=file,
        fleet_policy=settings.policy,
    )


def activities(
    runners: RunnerActivities, hub: GitHubClient, cloud: Cloud, *, taking: Intake, temporal: Client
) -> Activities:
    """All that workflows may call."""
    jobs, swept = JobActivities(hub), SweepClient(hub.api, hub)

    async def start(job: JobQueued) -> str:
        return (await taking.queued(job)).result

    known = TemporalLifecycles(temporal)
    swept_cloud = CloudActivities(
        cloud.provider, cloud.configs, inventory=cloud.inventory, github=swept
    )
    return [
        *runner_activities(runners),
        jobs.look_up_job,
        jobs.rerun_job,
        NoticeActivities(GitHubNotices(hub.api)).tell,
        *sweep_activities(LifecycleActivities(known, start), swept_cloud, GitHubActivities(swept)),
        *member_activities(
            MemberActivities(known, cloud.configs, inventory=cloud.inventory, github=swept)
        ),
        *(pool_activities(cloud.pools) if cloud.pools else []),
        *archive_activities(ArchiveActivities(known, cloud.archive)),
    ]
