"""The one place where deliveries meet Temporal."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from intake import requests
from intake.claims import Claims
from intake.door import Ack
from intake.early import EarlyEvents
from intake.requests import Routing
from runs_fleet import names
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import JobEvent, JobRequest
from runs_fleet.reruns import FAILED
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

CALL_LIMIT = timedelta(seconds=3)
LOOK_LIMIT = timedelta(seconds=2)
OVER_EARLY = "completed before it was asked for"

log = logging.getLogger(__name__)


class Intake:
    """Starts and tells lifecycles; a repeat of anything is harmless."""

    def __init__(
        self, routing: Routing, *, client: Client | None = None, early: EarlyEvents | None = None
    ) -> None:
        self._routing = routing
        self._client = client
        self._early = early if early is not None else EarlyEvents()
        self._claims = Claims()

    def connect(self, client: Client) -> None:
        """Begin to hand over; everything is Unavailable before."""
        self._client = client

    async def ready(self) -> None:
        """Return if Temporal can be reached, or raise Unavailable with the reason."""
        client = self._connected()
        with _translated():
            healthy = await client.service_client.check_health(timeout=LOOK_LIMIT)
        if not healthy:
            raise Unavailable("Temporal says that it is not serving")

    async def queued(self, job: JobQueued) -> Ack:
        """Start the job's lifecycle, unless the job is known to be over already."""
        client = self._connected()
        early = self._early.of(job.job_id)
        if early and early.phase == "completed" and not _perhaps_lost(early):
            return Ack(result="over", job=job.job_id, reason=OVER_EARLY)
        request = self._routing.request(job)
        if early:
            # Its runner is there already, or was.
            request = request.model_copy(update={"claimed": False})
        ack = await _start(client, request, early=early)
        if request.claimed and ack.result in ("started", "known"):
            self._claims.send(client, request)
        await self._catch_up(client, job.job_id, told=early)
        if ack.result == "refused":
            log.warning("label refused", extra=_facts(request) | {"refusal": request.refusal})
        return ack

    async def moved(self, moved: JobMoved) -> Ack:
        """Tell the job's own lifecycle, and the one whose runner has the job."""
        client, event = self._connected(), moved.event
        if moved.ours:
            # Before the signal, not after it: a start that is under way looks here once it is
            # done, and the signal may have come too soon for it.
            self._early.note(event)
        told = await asyncio.gather(
            *(_signal(client, job, event) for job in _concerned(event)),
            _signal_pool(client, event),
        )
        if told[0]:
            self._early.forget(event.job_id)
        return Ack(result="signalled" if any(told) else "unknown", job=event.job_id)

    async def _catch_up(self, client: Client, job_id: int, *, told: JobEvent | None) -> None:
        """Pass on what came in while the lifecycle was being started."""
        latest = self._early.of(job_id)
        if latest and latest != told:
            await _signal(client, job_id, latest)
        self._early.forget(job_id)

    def _connected(self) -> Client:
        if self._client is None:
            raise Unavailable("not connected to Temporal yet")
        return self._client


async def _start(client: Client, request: JobRequest, *, early: JobEvent | None) -> Ack:
    signal: dict[str, Any] = (
        {"start_signal": "github_event", "start_signal_args": [early]} if early else {}
    )
    try:
        with _translated():
            handle = await client.start_workflow(
                RunnerLifecycle.run,
                request,
                id=names.lifecycle(request.job_id),
                task_queue=names.task_queue(request.mode),
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=attributes.at_start(request),
                static_summary=requests.summary(request),
                static_details=requests.details(request),
                # The sweep needs to know where jobs came from without asking GitHub.
                memo={"delivery": request.delivery, "scope": request.scope},
                priority=Priority(fairness_key=request.scope.repo.partition("/")[0][:64]),
                rpc_timeout=CALL_LIMIT,
                **signal,
            )
    except WorkflowAlreadyStartedError:
        return Ack(result="over", job=request.job_id, reason="its workflow has ended")
    if not _is_new(handle):
        return Ack(result="known", job=request.job_id)
    log.info("lifecycle started", extra=_facts(request))
    if request.refusal:
        return Ack(result="refused", job=request.job_id, reason=request.refusal)
    return Ack(result="started", job=request.job_id)


async def _signal(client: Client, job_id: int, event: JobEvent) -> bool:
    """Tell one lifecycle; False if there is no open one."""
    return await _told(client.get_workflow_handle(names.lifecycle(job_id)), event)


async def _told(handle: WorkflowHandle[Any, Any], event: JobEvent) -> bool:
    with _translated():
        try:
            await handle.signal("github_event", event, rpc_timeout=CALL_LIMIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
    return True


async def _signal_pool(client: Client, event: JobEvent) -> bool:
    """Tell the pool whose listening member has the job; False if no open one has anything to do."""
    pool = names.pool_of(event.runner_name)
    if pool is None:
        return False
    handle = client.get_workflow_handle(names.pool("ec2", pool[0]))
    return await _told(handle, event)


def _perhaps_lost(event: JobEvent) -> bool:
    """Whether a job may have failed because a machine of ours was lost: then it runs again."""
    failed = event.conclusion in FAILED
    return failed and bool(names.owner(event.runner_name) or names.pool_of(event.runner_name))


def _concerned(event: JobEvent) -> list[int]:
    """The job itself first, then the job that its runner was made for."""
    made_for = names.owner(event.runner_name)
    return list(dict.fromkeys([event.job_id, made_for[0] if made_for else event.job_id]))


def _is_new(handle: WorkflowHandle[Any, Any]) -> bool:
    # With USE_EXISTING nothing else tells a started workflow from one that was there.
    return bool(handle._start_workflow_response and handle._start_workflow_response.started)


def _facts(request: JobRequest) -> dict[str, object]:
    return {
        "job_id": request.job_id,
        "repo": request.scope.repo,
        "label": request.label,
        "delivery": request.delivery,
    }


@contextmanager
def _translated() -> Iterator[None]:
    """Turn Temporal's errors into what the caller should do next."""
    try:
        yield
    except RPCError as error:
        said = f"Temporal answered {error.status.name}: {error.message}"
        if error.status is RPCStatusCode.INVALID_ARGUMENT:
            raise Refused(said) from error
        raise Unavailable(said) from error
