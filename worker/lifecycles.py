"""Lifecycles as a sweep sees them: the search for the many, a look at the workflow to be sure."""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
)
from temporalio.exceptions import CancelledError
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.census import EndedCall, EndedRoll, OwnerState, Roll, RollCall
from runs_fleet.errors import Unavailable
from runs_fleet.models import MachineEvent, Mode, Scope
from runs_fleet.outcomes import JobOutcome
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

CALL_LIMIT = timedelta(seconds=10)
# What one sweep takes in; whoever is not listed is looked at one by one.
MOST_OPEN = 2000
MOST_RECENT = 1000
MOST_ENDED = 2000
SHORTEST_SPAN = timedelta(seconds=1)
AT_ONCE = 8
SCOPE = "scope"
ID = re.compile(r"job-([0-9]+)")
OURS = 'WorkflowType="RunnerLifecycle"'


class TemporalLifecycles:
    """The ports Lifecycles and Keepers, and what the archive's activities need."""

    def __init__(self, temporal: Client, *, most_ended: int = MOST_ENDED) -> None:
        self._temporal, self._most_ended = temporal, most_ended

    async def roll(self, call: RollCall) -> Roll:
        """List the open ones, and the scopes of those begun lately, as the search shows them."""
        mode = _of_mode(call.mode)
        machines, settled = dict[int, str](), list[int]()
        async for found in self._list(f'{mode} AND ExecutionStatus="Running"', MOST_OPEN):
            if (job_id := _job(found.id)) is not None:
                machines[job_id] = found.typed_search_attributes.get(attributes.MACHINE) or ""
                if found.typed_search_attributes.get(attributes.CONCLUSION) == "success":
                    settled.append(job_id)
        scopes = await self._scopes(f'{mode} AND StartTime >= "{_spelled(call.since)}"')
        return Roll(machines=machines, settled=tuple(settled), scopes=tuple(scopes.values()))

    async def states(self, job_ids: Collection[int]) -> dict[int, OwnerState]:
        """Tell for sure which are open, some at a time."""
        wanted = list(job_ids)
        found = await self._all_states(list(map(names.lifecycle, wanted)))
        return dict(zip(wanted, found, strict=True))

    async def keepers(self, mode: Mode, pools: Collection[str]) -> dict[str, OwnerState]:
        """Tell for sure which pools somebody keeps."""
        wanted = list(pools)
        found = await self._all_states([names.pool(mode, each) for each in wanted])
        return dict(zip(wanted, found, strict=True))

    async def progress(self, job_id: int) -> JobOutcome | None:
        """Ask one what happened so far; None when it is not open."""
        handle = self._temporal.get_workflow_handle(names.lifecycle(job_id))
        with _translated():
            try:
                if await self._state(handle.id) != "open":
                    return None
                return await handle.query(RunnerLifecycle.progress, rpc_timeout=CALL_LIMIT)
            except WorkflowQueryFailedError as error:
                raise Unavailable(f"lifecycle of job {job_id} does not answer: {error}") from error

    async def tell(self, job_id: int, event: MachineEvent) -> bool:
        """Tell one what became of its machine; false when it is not open."""
        handle = self._temporal.get_workflow_handle(names.lifecycle(job_id))
        with _translated():
            try:
                await handle.signal(RunnerLifecycle.machine_event, event, rpc_timeout=CALL_LIMIT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return False
                raise
        return True

    async def ended(self, call: EndedCall) -> EndedRoll:
        """List those that closed in a span of time, cut short until it holds not too many.

        A search cannot be asked for the oldest first, but where it is Elasticsearch.
        """
        until = call.until
        while await self._count(_closed(call, until)) > self._most_ended:
            if until - call.since < SHORTEST_SPAN:
                break
            until = call.since + (until - call.since) / 2
        listed = [each async for each in self._list(_closed(call, until), 2 * self._most_ended)]
        closed = [(each.close_time or until, job) for each in listed if (job := _job(each.id))]
        first = sorted(closed)[: call.most]
        through = first[-1][0] if len(first) < len(closed) else until
        return EndedRoll(job_ids=tuple(job for _, job in first), through=through)

    async def outcome(self, job_id: int) -> JobOutcome | None:
        """Read how one went; of one that has no result, what it says of itself."""
        handle: WorkflowHandle[RunnerLifecycle, JobOutcome] = self._temporal.get_workflow_handle(
            names.lifecycle(job_id), result_type=JobOutcome
        )
        with _translated():
            try:
                return await handle.result(rpc_timeout=CALL_LIMIT)
            except WorkflowFailureError as failure:
                said = await _said(handle)
                if isinstance(failure.cause, CancelledError) or said.reason:
                    return said
                why = f"Temporal ended its lifecycle: {type(failure.cause).__name__}"
                return said.model_copy(update={"reason": why})
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return None
                raise

    async def _count(self, query: str) -> int:
        with _translated():
            return (await self._temporal.count_workflows(query, rpc_timeout=CALL_LIMIT)).count

    async def _all_states(self, workflow_ids: Sequence[str]) -> list[OwnerState]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(workflow_id: str) -> OwnerState:
            async with turn:
                return await self._state(workflow_id)

        return await asyncio.gather(*map(one, workflow_ids))

    async def _state(self, workflow_id: str) -> OwnerState:
        handle = self._temporal.get_workflow_handle(workflow_id)
        with _translated():
            try:
                found = await handle.describe(rpc_timeout=CALL_LIMIT)
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    return "absent"
                raise
        return "open" if found.status is WorkflowExecutionStatus.RUNNING else "closed"

    async def _scopes(self, query: str) -> dict[str, Scope]:
        scopes: dict[str, Scope] = {}
        async for found in self._list(query, MOST_RECENT):
            repo = found.typed_search_attributes.get(attributes.REPO)
            if repo and repo not in scopes:
                # The intake notes the scope in the memo, so that GitHub need not be asked for it.
                scopes[repo] = await found.memo_value(SCOPE, Scope(repo=repo), type_hint=Scope)
        return scopes

    async def _list(self, query: str, most: int) -> AsyncIterator[WorkflowExecution]:
        with _translated():
            async for found in self._temporal.list_workflows(
                query, limit=most, rpc_timeout=CALL_LIMIT
            ):
                yield found


async def _said(handle: WorkflowHandle[RunnerLifecycle, JobOutcome]) -> JobOutcome:
    try:
        return await handle.query(RunnerLifecycle.progress, rpc_timeout=CALL_LIMIT)
    except WorkflowQueryFailedError as error:
        raise Unavailable(f"{handle.id} does not answer: {error}") from error


def _of_mode(mode: str) -> str:
    # Quoted, because MODE is also a word of SQL.
    return f'{OURS} AND `{attributes.MODE.name}`="{mode}"'


def _closed(call: EndedCall, until: datetime) -> str:
    """Search with all digits, or as many as close in one second would be listed again and again."""
    since, before = (moment.isoformat(timespec="microseconds") for moment in (call.since, until))
    return f'{_of_mode(call.mode)} AND CloseTime >= "{since}" AND CloseTime < "{before}"'


def _job(workflow_id: str) -> int | None:
    match = ID.fullmatch(workflow_id)
    return int(match[1]) if match else None


def _spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever Temporal does not answer is unknown, and unknown is never acted upon."""
    try:
        yield
    except RPCError as error:
        raise Unavailable(f"Temporal answered {error.status.name}: {error.message}") from error
