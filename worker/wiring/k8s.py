"""A worker of Kubernetes mode: Jobs, Secrets and Valkey Streams."""

from datetime import timedelta
from functools import partial

import redis
from temporalio.client import Client
from temporalio.runtime import Runtime

from activities.pools import PoolActivities
from activities.runners import RunnerActivities
from runs_fleet import names
from runs_fleet.ports import ConfigStore, GitHub
from runs_fleet.providers.k8s.archive import K8sArchive
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import Cluster
from runs_fleet.providers.k8s.configs import K8sConfigStore, OwnedConfigStore
from runs_fleet.providers.k8s.inventory import K8sInventory
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.placeholders import K8sPlaceholders
from runs_fleet.providers.k8s.pool_store import K8sPoolStore
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import site
from runs_fleet.providers.k8s.watch import K8sWatch
from runs_fleet.queues import valkey
from runs_fleet.queues.telemetry import ValkeyTelemetry
from runs_fleet.queues.valkey_fifo import FifoInbox
from runs_fleet.settings import K8sSettings
from worker.counts import Counts
from worker.deliveries import ReportDeliveries
from worker.depth import QueueDepth
from worker.reach import Reach
from worker.relay import Relay
from worker.spooled import SpoolDeliveries
from worker.watching import Watching
from worker.wiring import wired
from worker.wiring.wired import Wired

# The watch's, and what is left for a sweep that lists while every activity calls.
SPARE_CONNECTIONS = 8


def wire(settings: K8sSettings, temporal: Client, runtime: Runtime) -> Wired:
    """Wire a worker of Kubernetes mode. Raises Refused when a key or the kubeconfig is unfit."""
    counts = Counts(runtime.metric_meter)
    client = connect(settings.kubeconfig, pool=settings.max_activities + SPARE_CONNECTIONS)
    cluster, place = Cluster(Rest(client), settings.namespace), site(settings)
    owners, streams = Owners(cluster), _valkey(settings)
    provider = K8sProvider(cluster, place, owners=owners)
    configs = K8sConfigStore(cluster, owners=owners, reports_ca=_ca(settings) or "")
    inventory = K8sInventory(cluster, fleet=place.fleet)
    hub = wired.github(settings, counts)
    runners = RunnerActivities(
        provider,
        OwnedConfigStore(cluster, owners=owners, reports_ca=_ca(settings) or ""),
        hub,
        report_secret=settings.report_secret.get_secret_value(),
        reports_address=settings.runner_reports().get_secret_value(),
    ).telling(telemetry := ValkeyTelemetry(streams))
    wired.registered(runners, hub, settings)
    pools = _pools(settings, hub, configs).placing(K8sPlaceholders(cluster, place))
    return Wired(
        task_queue=names.task_queue("k8s"),
        activities=wired.activities(
            runners,
            hub,
            wired.Cloud(provider, configs, inventory, _archive(settings, cluster), pools),
            taking=wired.intake(settings, temporal),
            temporal=temporal,
        ),
        carriers=[
            *_relays(settings, temporal, streams, counts=counts),
            wired.pools(settings, temporal, K8sPoolStore(cluster, fleet=settings.fleet)),
            Watching(temporal, K8sWatch(client, settings.namespace, fleet=place.fleet), counts),
            QueueDepth(temporal, settings.mode, partial(counts.jobs, settings.mode)),
            wired.Closing(telemetry.close),
        ],
        cloud="kubernetes",
        warm_up=provider.warm_up,
        sweep=settings.sweep,
        sweep_interval=settings.sweep_interval,
    )


def _pools(settings: K8sSettings, hub: GitHub, configs: ConfigStore) -> PoolActivities:
    return PoolActivities(
        hub,
        configs,
        report_secret=settings.report_secret.get_secret_value(),
        reports_address=settings.runner_reports().get_secret_value(),
    )


def _archive(settings: K8sSettings, cluster: Cluster) -> K8sArchive | None:
    if not settings.archives:
        return None
    return K8sArchive(cluster, fleet=settings.fleet, kept=timedelta(days=settings.archive_days))


def _relays(
    settings: K8sSettings, temporal: Client, streams: redis.Redis, *, counts: Counts
) -> list[Relay]:
    consumer, there = temporal.identity, Reach(temporal)
    reports = Relay(
        "reports",
        valkey.StreamInbox(streams, valkey.REPORTS, consumer=consumer),
        ReportDeliveries(
            temporal, secret=settings.report_secret.get_secret_value(), mode=settings.mode
        ),
        counts,
        there=there,
    )
    # A job's next event waits until its last one is acknowledged.
    spool = Relay(
        "spool",
        FifoInbox(streams, valkey.SPOOL, consumer=consumer),
        SpoolDeliveries(wired.intake(settings, temporal)),
        counts,
        gather=0,
        ack_after=0,
        there=there,
    )
    return [reports, spool]


def _valkey(settings: K8sSettings) -> redis.Redis:
    password = settings.valkey_password
    return valkey.connect(
        settings.valkey_url,
        username=settings.valkey_username,
        password=password.get_secret_value() if password else "",
        ca=_ca(settings),
    )


def _ca(settings: K8sSettings) -> str | None:
    return settings.valkey_ca_file.read_text() if settings.valkey_ca_file else None
