"""Temporal: whether it is there, keeps what we need long enough, and has somebody at work."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeNamespaceResponse,
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client, ScheduleDescription
from temporalio.service import RPCError, RPCStatusCode

from cli.checks.findings import Look, Opened, Verdict, failed, skipped, warning, well, worst
from cli.temporal import CALL_LIMIT, Trouble, connect
from runs_fleet import names
from runs_fleet.models import Mode
from workflows import attributes

# GitHub lets people redeliver for three days, and a job that is over must be known to be.
LEAST_RETENTION = timedelta(days=3)
# A poll waits for a minute.
POLLED_LATELY = timedelta(minutes=2)
SLACK = timedelta(minutes=1)
MISSED = 3
NOT_ALLOWED = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED)
OPENS = ("Temporal server", "Temporal namespace")
START_WORKER = "start a worker: `runs-fleet worker`"
QUEUES = {
    "workflows": TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    "activities": TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
}


@dataclass(frozen=True)
class Wanted:
    """What a worker of this installation asks of Temporal."""

    mode: Mode
    sweep_interval: timedelta | None = timedelta(minutes=2)
    deployment: str = ""
    build: str = ""


@dataclass(frozen=True)
class Site:
    """The namespace, and what is wanted of it."""

    client: Client
    namespace: DescribeNamespaceResponse
    wanted: Wanted


async def opened(_stack: ExitStack, *, wanted: Wanted) -> Opened[Site]:
    """Connect, and look the namespace up."""
    try:
        client = await connect()
    except Trouble as trouble:
        cure = "set TEMPORAL_ADDRESS, and TEMPORAL_API_KEY or TEMPORAL_TLS* if it asks for them"
        return Opened({OPENS[0]: failed(str(trouble), cure)})
    info = await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=CALL_LIMIT)
    where = client.service_client.config.target_host
    server = well(f"{where} runs {info.server_version or 'a version that it does not tell'}")
    name = client.namespace
    try:
        found = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=name), timeout=CALL_LIMIT
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        make = f"temporal operator namespace create --namespace {name} --retention 168h"
        missing = failed(f"no namespace {name!r}", f"set TEMPORAL_NAMESPACE, or `{make}`")
        return Opened(dict(zip(OPENS, (server, missing), strict=True)))
    verdicts = dict(zip(OPENS, (server, well(f"{name!r} is there")), strict=True))
    return Opened(verdicts, Site(client, found, wanted))


def retention(site: Site) -> Verdict:
    """A redelivery of a job that is over must find that it is."""
    kept = site.namespace.config.workflow_execution_retention_ttl.ToTimedelta()
    if kept >= LEAST_RETENTION:
        return well(f"finished workflows are kept for {_words(kept)}")
    change = f"namespace update --namespace {site.client.namespace} --retention 168h"
    return failed(
        f"finished workflows are kept for {_words(kept)}: a delivery that GitHub sends again later,"
        " for up to 3 days, would start its job once more",
        f"`temporal operator {change}`",
    )


async def search_attributes(site: Site) -> Verdict:
    """The list of jobs and the sweep find lifecycles by them."""
    request = ListSearchAttributesRequest(namespace=site.client.namespace)
    try:
        listed = await site.client.operator_service.list_search_attributes(
            request, timeout=CALL_LIMIT
        )
    except RPCError as error:
        if error.status in NOT_ALLOWED:
            return skipped("the server does not let them be listed (Temporal Cloud: look there)")
        raise
    there = listed.custom_attributes
    wrong = [
        f"{name} is {_kind(there[name])} and must be {_kind(kind)}"
        for name, kind in attributes.TYPES.items()
        if name in there and there[name] != kind
    ]
    missing = [name for name in attributes.TYPES if name not in there]
    return worst(
        wrong,
        [f"missing: {', '.join(missing)}"] if missing else [],
        f"all {len(attributes.TYPES)} are there",
        cure="use a namespace of its own"
        if wrong
        else "API and worker create them when they start; where they may not, see"
        " docs/operations.md#temporal",
    )


def graceful_shutdown(site: Site) -> Verdict:
    """Without it a call may be handed to a worker that has just ended."""
    if site.namespace.namespace_info.capabilities.worker_poll_complete_on_shutdown:
        return well("polls end with their worker")
    return warning(
        "in a deploy a call may be handed to a worker that is gone, and waits for its time limit",
        "on a server of your own, set frontend.enableCancelWorkerPollsOnShutdown: true in its"
        " dynamic configuration",
    )


async def worker_versioning(site: Site) -> Verdict:
    """A build that is not made current gets no new jobs."""
    name, build = site.wanted.deployment, site.wanted.build
    if not build:
        return well("off: jobs in flight go on in whatever build runs")
    try:
        answer = await site.client.workflow_service.describe_worker_deployment(
            DescribeWorkerDeploymentRequest(namespace=site.client.namespace, deployment_name=name),
            timeout=CALL_LIMIT,
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return warning(f"no worker of the deployment {name!r} has started yet", START_WORKER)
    current = answer.worker_deployment_info.routing_config.current_deployment_version.build_id
    if current:
        return well(f"{name!r} has the current build {current!r}; this one is {build!r}")
    make = f"set-current-version --deployment-name {name} --build-id {build}"
    return failed(
        f"{name!r} has no current build, so its workers get no new jobs",
        f"`temporal worker deployment {make}`",
    )


async def task_queue(site: Site) -> Verdict:
    """Somebody has to do the work."""
    queue, now = names.task_queue(site.wanted.mode), datetime.now(UTC)
    polling = {what: await _pollers(site, queue, kind, now) for what, kind in QUEUES.items()}
    lacking = [what for what, number in polling.items() if not number]
    if lacking:
        return warning(f"no worker asks {queue!r} for {' and '.join(lacking)}", START_WORKER)
    return well(f"{min(polling.values())} worker(s) at {queue!r}")


async def sweep_schedule(site: Site) -> Verdict:
    """What nobody takes care of is found by the sweep only."""
    every, name = site.wanted.sweep_interval, names.sweep(site.wanted.mode)
    if every is None:
        return warning(
            "RUNS_FLEET_SWEEP_INTERVAL turns it off: lost webhooks and machines stay lost",
            "leave the variable out",
        )
    try:
        found = await site.client.get_schedule_handle(name).describe(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return warning(f"no schedule {name!r} yet: workers create it", START_WORKER)
    return judged(found, name, every=every)


def judged(found: ScheduleDescription, name: str, *, every: timedelta) -> Verdict:
    """Judge a schedule by whether it runs, and has run."""
    if found.schedule.state.paused:
        return warning(
            f"{name!r} is paused: {found.schedule.state.note}",
            f"`temporal schedule toggle --schedule-id {name} --unpause --reason done`",
        )
    now = datetime.now(UTC)
    begun = max((each.started_at for each in found.info.recent_actions), default=None)
    since = now - (begun or found.info.created_at)
    if since > MISSED * every + SLACK:
        return warning(f"{name!r} has not swept for {_words(since)}", START_WORKER)
    return well(f"last swept {_words(since)} ago" if begun else "about to sweep the first time")


async def _pollers(site: Site, queue: str, kind: "TaskQueueType.ValueType", now: datetime) -> int:
    answer = await site.client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=site.client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=kind,
        ),
        timeout=CALL_LIMIT,
    )
    seen = [each.last_access_time.ToDatetime(UTC) for each in answer.pollers]
    return sum(1 for at in seen if now - at < POLLED_LATELY)


def _kind(kind: "IndexedValueType.ValueType") -> str:
    return IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").title()


def _words(length: timedelta) -> str:
    for unit, seconds in {"days": 86400, "hours": 3600, "minutes": 60}.items():
        if length.total_seconds() >= 2 * seconds:
            return f"{length.total_seconds() / seconds:.3g} {unit}"
    return f"{length.total_seconds():.0f} seconds"


CHECKS: Mapping[str, Look[Site]] = {
    "retention": retention,
    "search attributes": search_attributes,
    "graceful shutdown": graceful_shutdown,
    "worker versioning": worker_versioning,
    "task queue": task_queue,
    "sweep schedule": sweep_schedule,
}
