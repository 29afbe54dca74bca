"""Lifecycles as an operator asks for them: many by the search, one by its own word."""

import re
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from cli.temporal import CALL_LIMIT, Trouble
from runs_fleet import names
from runs_fleet.glossary import STATES
from runs_fleet.models import JobRequest, Wire
from runs_fleet.outcomes import JobOutcome
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

REPO = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
ID = re.compile(r"job-([0-9]+)")
# What Temporal did to a lifecycle, that knows nothing of it itself.
BROKEN = {
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TERMINATED: "terminated",
    WorkflowExecutionStatus.TIMED_OUT: "timed out",
}
# Temporal itself waits for a worker until the time is over.
QUERY_LIMIT = timedelta(seconds=5)
Handle = WorkflowHandle[RunnerLifecycle, JobOutcome]


class Row(Wire):
    """One job as the search shows it, some seconds late."""

    job_id: int
    repo: str = ""
    name: str = ""
    state: str = ""
    runner: str = ""
    machine_type: str = ""
    machine_id: str = ""
    attempt: int = 0
    conclusion: str = ""
    pool: str = ""
    mode: str = ""
    is_open: bool
    started_at: datetime
    closed_at: datetime | None = None


class Told(Wire):
    """One job by its own word; of an open one, so far."""

    job: Row
    request: JobRequest
    outcome: JobOutcome


async def listed(
    client: Client, *, state: str | None = None, repo: str | None = None, limit: int
) -> list[Row]:
    """List jobs, the open ones first, then the newest. Raises Trouble."""
    query = _query(state, repo)
    found = client.list_workflows(query, limit=limit, rpc_timeout=CALL_LIMIT)
    return [row async for each in found if (row := _row(each)) is not None]


async def told(client: Client, job_id: int) -> Told:
    """Read all of one job. Raises Trouble."""
    handle = handle_of(client, job_id)
    found = await described(client, job_id)
    row = _row(found)
    assert row is not None, "its id is one of ours"
    return Told(
        job=row,
        request=await _request(client, handle, found),
        outcome=await _outcome(handle, found, job_id),
    )


async def cancel(client: Client, job_id: int) -> None:
    """Ask a lifecycle to take its runners away and end. Raises Trouble when it is over."""
    found = await described(client, job_id)
    over = Trouble(f"job {job_id} is over already, there is nothing to cancel", status=1)
    if found.status is not WorkflowExecutionStatus.RUNNING:
        raise over
    try:
        await handle_of(client, job_id).cancel(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise over from error
        raise


async def described(client: Client, job_id: int) -> WorkflowExecutionDescription:
    """Look one up. Raises Trouble when there is none."""
    try:
        return await handle_of(client, job_id).describe(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise Trouble(
                f"no such job: {job_id} had no lifecycle, or its retention is over", status=1
            ) from error
        raise


def handle_of(client: Client, job_id: int) -> Handle:
    """Hold the lifecycle of a job, whether it is there or not."""
    return client.get_workflow_handle(names.lifecycle(job_id), result_type=JobOutcome)


def _query(state: str | None, repo: str | None) -> str:
    """Write the search; what goes into it is checked, because it has no parameters."""
    terms = ['WorkflowType="RunnerLifecycle"']
    if state is not None:
        if state not in STATES:
            raise Trouble(f"unknown state {state!r}; we know {', '.join(STATES)}")
        terms.append(f'{attributes.STATE.name}="{state}"')
    if repo is not None:
        if not REPO.fullmatch(repo):
            raise Trouble(f"{repo!r} is no repository; one looks like octo/hello")
        terms.append(f'{attributes.REPO.name}="{repo}"')
    return " AND ".join(terms)


def _row(found: WorkflowExecution) -> Row | None:
    match = ID.fullmatch(found.id)
    shown = found.typed_search_attributes
    if match is None:
        return None
    state = BROKEN.get(found.status) if found.status else None
    return Row(
        job_id=int(match[1]),
        repo=shown.get(attributes.REPO) or "",
        name=shown.get(attributes.JOB) or "",
        state=state or shown.get(attributes.STATE) or "",
        runner=shown.get(attributes.RUNNER) or "",
        machine_type=shown.get(attributes.MACHINE_TYPE) or "",
        machine_id=shown.get(attributes.MACHINE) or "",
        attempt=shown.get(attributes.ATTEMPT) or 0,
        conclusion=shown.get(attributes.CONCLUSION) or "",
        pool=shown.get(attributes.POOL) or "",
        mode=shown.get(attributes.MODE) or "",
        is_open=found.status is WorkflowExecutionStatus.RUNNING,
        started_at=found.start_time,
        closed_at=found.close_time,
    )


async def _request(
    client: Client, handle: Handle, found: WorkflowExecutionDescription
) -> JobRequest:
    """Read what it was started with: the first thing in its history."""
    held = client.get_workflow_handle(handle.id, run_id=found.run_id)
    events = held.fetch_history_events(page_size=1, rpc_timeout=CALL_LIMIT)
    first = await anext(events)
    payloads = first.workflow_execution_started_event_attributes.input.payloads
    [request] = await client.data_converter.decode(list(payloads), [JobRequest])
    assert isinstance(request, JobRequest)
    return request


async def _outcome(handle: Handle, found: WorkflowExecutionDescription, job_id: int) -> JobOutcome:
    """Read the result; of one that is open, or was cancelled, ask a worker."""
    if found.status is WorkflowExecutionStatus.COMPLETED:
        return await handle.result(rpc_timeout=CALL_LIMIT)
    try:
        return await handle.query(RunnerLifecycle.progress, rpc_timeout=QUERY_LIMIT)
    except (RPCError, WorkflowQueryFailedError) as error:
        raise Trouble(
            f"job {job_id} has no result, and no worker tells of it: is one running? ({error})"
        ) from error


def age(row: Row, now: datetime) -> timedelta:
    """How long a lifecycle has been open, or was."""
    return (row.closed_at or now) - row.started_at
