"""A worker of EC2 mode: EC2, SSM and SQS."""

from dataclasses import dataclass
from functools import partial

import boto3
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.diary import HeartbeatDiary
from activities.pools import PoolActivities
from activities.runners import RunnerActivities
from runs_fleet import names
from runs_fleet.aws.clients import Clients, clients, metrics, tables
from runs_fleet.fairness import weights
from runs_fleet.ports import GitHub
from runs_fleet.providers.ec2.archive import DynamoArchive
from runs_fleet.providers.ec2.budgets import AwsBudgets
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.events import machine_event
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.pool_store import DynamoPoolStore
from runs_fleet.providers.ec2.provider import Ec2Provider, Manner
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.providers.ec2.standby import Standby, StandbyQueues
from runs_fleet.providers.ec2.warm import WarmEc2
from runs_fleet.queues.sqs import SqsInbox
from runs_fleet.queues.telemetry import CloudWatchTelemetry
from runs_fleet.settings import Ec2Settings, LaunchTemplate
from worker.counts import Counts
from worker.deliveries import MachineDeliveries, ReportDeliveries
from worker.depth import QueueDepth
from worker.market import MarketLink
from worker.reach import Reach
from worker.relay import Relay
from worker.spooled import SpoolDeliveries
from worker.wiring import wired
from worker.wiring.wired import Carrier, Wired

# The end of a machine is mostly our own doing, and the notice of a spot loss is two minutes long.
EVENTS_GATHER = 5.0
# CloudWatch keeps one value a minute.
METRICS_EVERY = 60.0
# A spooled event is handed over within a second or two; a job waits for it while a dead worker
# seems to have it in hand.
SPOOL_HIDDEN = 10


def wire(
    settings: Ec2Settings, temporal: Client, runtime: Runtime, *, region: str | None = None
) -> Wired:
    """Wire a worker of EC2 mode. Raises Refused when the App's key cannot be used."""
    counts = Counts(runtime.metric_meter)
    aws = clients(boto3.Session(region_name=region), pool=settings.max_activities)
    memory = CapacityMemory(settings.market_rules, holder=temporal.identity)
    machines = _machines(settings, aws, memory, counts=counts)
    hub = wired.github(settings, counts)
    telemetry = _telemetry(settings, region)
    runners = RunnerActivities(
        machines.provider,
        machines.configs,
        hub,
        report_secret=settings.report_secret.get_secret_value(),
        reports_address=settings.reports_queue_url,
    ).warming(machines.warm)
    wired.registered(runners, hub, settings)
    if telemetry is not None:
        runners.telling(telemetry)
    return Wired(
        task_queue=names.task_queue("ec2"),
        activities=wired.activities(
            runners,
            hub,
            _cloud(settings, aws, machines, hub=hub, region=region),
            taking=wired.intake(settings, temporal),
            temporal=temporal,
        ),
        carriers=[
            *_relays(settings, temporal, aws, counts=counts),
            *_links(settings, temporal, counts, memory=memory, region=region),
            *([wired.Closing(telemetry.close)] if telemetry else []),
        ],
        cloud="aws",
        warm_up=machines.provider.warm_up,
        sweep=settings.sweep,
        sweep_interval=settings.sweep_interval,
    )


def _pools(settings: Ec2Settings, hub: GitHub, machines: "_Machines") -> PoolActivities:
    return PoolActivities(
        hub,
        machines.configs,
        report_secret=settings.report_secret.get_secret_value(),
        reports_address=settings.reports_queue_url,
    ).warming(machines.warm)


def _pool_store(settings: Ec2Settings, region: str | None) -> DynamoPoolStore | None:
    if settings.pools_table is None:
        return None
    client = tables(boto3.Session(region_name=region))
    return DynamoPoolStore(client, settings.pools_table, fleet=settings.fleet)


@dataclass(frozen=True)
class _Machines:
    """All that has to do with machines, sharing budgets and what is known of the market."""

    provider: Ec2Provider
    configs: SsmConfigStore
    standby: Standby
    warm: WarmEc2
    budgets: AwsBudgets


def _machines(
    settings: Ec2Settings, aws: Clients, memory: CapacityMemory, *, counts: Counts
) -> _Machines:
    budgets = AwsBudgets.of(settings.launch_rate, counts.budget)
    manner = Manner(budgets, weight=weights(settings.weights), diary=HeartbeatDiary())
    site, catalog = _site(settings), InstanceCatalog(aws.ec2)
    configs = SsmConfigStore(aws.ssm, settings.ssm_prefix, budget=budgets.parameters)
    standby = _standby(settings, aws, configs)
    launching = Launching(aws.ec2, site, catalog=catalog, memory=memory, manner=manner)
    return _Machines(
        Ec2Provider(aws.ec2, site, catalog=catalog, memory=memory, manner=manner),
        configs,
        standby,
        WarmEc2(launching, standby),
        budgets,
    )


def _standby(settings: Ec2Settings, aws: Clients, configs: SsmConfigStore) -> Standby:
    secret, reports = settings.report_secret.get_secret_value(), settings.reports_queue_url
    queues = StandbyQueues(aws.sqs, fleet=settings.fleet, reports=reports)
    return Standby(configs, queues, report_secret=secret, reports=reports)


def _cloud(
    settings: Ec2Settings,
    aws: Clients,
    machines: _Machines,
    *,
    hub: GitHub,
    region: str | None,
) -> wired.Cloud:
    """Gather what sweeps and pools need: the queues of machines go with their configs."""
    standby = machines.standby
    inventory = Ec2Inventory(
        aws.ec2, aws.ssm, settings.ssm_prefix, fleet=settings.fleet, standby=standby.queues
    ).sharing(machines.budgets.terminations)
    archive = _archive(settings, region)
    pools = _pools(settings, hub, machines)
    return wired.Cloud(machines.provider, standby.configs, inventory, archive, pools)


def _relays(
    settings: Ec2Settings, temporal: Client, aws: Clients, *, counts: Counts
) -> list[Relay]:
    there = Reach(temporal)
    reports = Relay(
        "reports",
        SqsInbox(aws.sqs, settings.reports_queue_url),
        ReportDeliveries(temporal, secret=settings.report_secret.get_secret_value()),
        counts,
        there=there,
    )
    relays = [reports]
    if settings.events_queue_url:
        inbox = SqsInbox(aws.sqs, settings.events_queue_url)
        deliver = MachineDeliveries(temporal, machine_event)
        relays.append(Relay("events", inbox, deliver, counts, gather=EVENTS_GATHER, there=there))
    if settings.spool_queue_url:
        spool = SpoolDeliveries(wired.intake(settings, temporal))
        inbox = SqsInbox(aws.sqs, settings.spool_queue_url, hidden=SPOOL_HIDDEN)
        # A job's next event waits until its last one is acknowledged.
        relays.append(Relay("spool", inbox, spool, counts, gather=0, ack_after=0, there=there))
    return relays


def _links(
    settings: Ec2Settings,
    temporal: Client,
    counts: Counts,
    *,
    memory: CapacityMemory,
    region: str | None,
) -> list[Carrier]:
    """Gather what runs beside the worker and has to do with no queue."""
    return [
        wired.pools(settings, temporal, _pool_store(settings, region)),
        MarketLink(temporal, settings.mode, memory, counts.market),
        QueueDepth(temporal, settings.mode, partial(counts.jobs, settings.mode)),
    ]


def _telemetry(settings: Ec2Settings, region: str | None) -> CloudWatchTelemetry | None:
    if not settings.metrics_namespace:
        return None
    client = metrics(boto3.Session(region_name=region))
    return CloudWatchTelemetry(client, settings.metrics_namespace, every=METRICS_EVERY)


def _archive(settings: Ec2Settings, region: str | None) -> DynamoArchive | None:
    if settings.archive_table is None:
        return None
    return DynamoArchive(tables(boto3.Session(region_name=region)), settings.archive_table)


def _site(settings: Ec2Settings) -> Site:
    return Site(
        templates={arch: _named(t) for arch, t in settings.launch_templates.items()},
        subnets=settings.subnets,
        private_subnets=settings.private_subnets,
        default_arch=settings.default_arch,
        families=settings.families,
        fleet=settings.fleet,
    )


def _named(template: LaunchTemplate) -> str:
    name = template.id or template.name or ""
    return f"{name}:{template.version}" if template.version else name
