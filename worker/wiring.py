"""Puts adapters behind the ports: the one place of the worker that knows them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import boto3
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities
from activities.sweeps import (
    CloudActivities,
    GitHubActivities,
    LifecycleActivities,
    sweep_activities,
)
from intake.intake import Intake
from intake.requests import Routing
from runs_fleet import names
from runs_fleet.aws.clients import Clients, clients
from runs_fleet.census import SweepRequest
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.events import JobQueued
from runs_fleet.github.notices import GitHubNotices
from runs_fleet.github.sweep import SweepClient
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.events import machine_event
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.queues.sqs import SqsInbox
from runs_fleet.settings import Ec2Settings, LaunchTemplate
from worker.counts import Counts
from worker.deliveries import MachineDeliveries, ReportDeliveries
from worker.lifecycles import TemporalLifecycles
from worker.market import MarketLink
from worker.relay import Relay
from worker.spooled import SpoolDeliveries

# The end of a machine is mostly our own doing, and the notice of a spot loss is two minutes long.
EVENTS_GATHER = 5.0


@dataclass(frozen=True)
class Wired:
    """Everything that a worker runs."""

    task_queue: str
    activities: Sequence[Callable[..., Any]]
    relays: Sequence[Relay]
    market: MarketLink
    warm_up: Callable[[], None]
    sweep: SweepRequest
    sweep_interval: timedelta | None

    @property
    def carriers(self) -> Sequence[Relay | MarketLink]:
        """What runs beside the worker, until it is closed."""
        return [*self.relays, self.market]


def ec2(
    settings: Ec2Settings, temporal: Client, runtime: Runtime, *, region: str | None = None
) -> Wired:
    """Wire a worker of EC2 mode. Raises Refused when the App's key cannot be used."""
    counts = Counts(runtime.metric_meter)
    aws = clients(boto3.Session(region_name=region), pool=settings.max_activities)
    memory = CapacityMemory(settings.market_rules, holder=temporal.identity)
    provider = Ec2Provider(aws.ec2, _site(settings), memory=memory)
    github = _github(settings, counts)
    secret = settings.report_secret.get_secret_value()
    runners = RunnerActivities(
        provider,
        SsmConfigStore(aws.ssm, settings.ssm_prefix),
        github,
        report_secret=secret,
        reports_address=settings.reports_queue_url,
    )
    return Wired(
        task_queue=names.task_queue("ec2"),
        activities=[
            *_activities(runners),
            *_job_activities(JobActivities(github)),
            NoticeActivities(GitHubNotices(github.api)).tell,
            *_sweep(settings, temporal, aws=aws, provider=provider, github=github),
        ],
        relays=_relays(settings, temporal, aws, counts=counts),
        market=MarketLink(temporal, settings.mode, memory, counts.market),
        warm_up=provider.warm_up,
        sweep=settings.sweep,
        sweep_interval=settings.sweep_interval,
    )


def _relays(
    settings: Ec2Settings, temporal: Client, aws: Clients, *, counts: Counts
) -> list[Relay]:
    reports = Relay(
        "reports",
        SqsInbox(aws.sqs, settings.reports_queue_url),
        ReportDeliveries(temporal, secret=settings.report_secret.get_secret_value()),
        counts,
    )
    relays = [reports]
    if settings.events_queue_url:
        inbox = SqsInbox(aws.sqs, settings.events_queue_url)
        deliver = MachineDeliveries(temporal, machine_event)
        relays.append(Relay("events", inbox, deliver, counts, gather=EVENTS_GATHER))
    if settings.spool_queue_url:
        spool = SpoolDeliveries(_intake(settings, temporal))
        inbox = SqsInbox(aws.sqs, settings.spool_queue_url)
        # A job's next event waits until its last one is acknowledged.
        relays.append(Relay("spool", inbox, spool, counts, gather=0, ack_after=0))
    return relays


def _intake(settings: Ec2Settings, temporal: Client) -> Intake:
    routing = Routing(mode=settings.mode, backends=settings.backends, policy=settings.policy)
    return Intake(routing, client=temporal)


def _activities(runners: RunnerActivities) -> list[Callable[..., Any]]:
    return [
        runners.create_machine,
        runners.register_runner,
        runners.release_runner,
        runners.find_machines,
    ]


def _job_activities(jobs: JobActivities) -> list[Callable[..., Any]]:
    return [jobs.look_up_job, jobs.rerun_job]


def _sweep(
    settings: Ec2Settings,
    temporal: Client,
    *,
    aws: Clients,
    provider: Ec2Provider,
    github: GitHubClient,
) -> list[Callable[..., Any]]:
    intake, swept = _intake(settings, temporal), SweepClient(github.api, github)

    async def start(job: JobQueued) -> str:
        return (await intake.queued(job)).result

    cloud = CloudActivities(
        provider,
        SsmConfigStore(aws.ssm, settings.ssm_prefix),
        inventory=Ec2Inventory(aws.ec2, aws.ssm, settings.ssm_prefix),
        github=swept,
    )
    lifecycles = LifecycleActivities(TemporalLifecycles(temporal), start)
    return sweep_activities(lifecycles, cloud, GitHubActivities(swept))


def _github(settings: Ec2Settings, counts: Counts) -> GitHubClient:
    key = AppKey.from_pem(settings.github_app_id, settings.app_key())
    api = GitHubApi(settings.github_api_url, key, on_call=counts.github_call)
    return GitHubClient(
        api, runner_group=settings.github_runner_group, scope_rule=settings.github_scope
    )


def _site(settings: Ec2Settings) -> Site:
    return Site(
        templates={arch: _named(t) for arch, t in settings.launch_templates.items()},
        subnets=settings.subnets,
        private_subnets=settings.private_subnets,
        default_arch=settings.default_arch,
        families=settings.families,
    )


def _named(template: LaunchTemplate) -> str:
    name = template.id or template.name or ""
    return f"{name}:{template.version}" if template.version else name
