"""Pools as an operator asks for them: which there are, what one says, what it is told."""

import getpass
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, get_args

from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import (
    QueryRejectCondition,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from cli.temporal import CALL_LIMIT, Trouble
from runs_fleet import names
from runs_fleet.models import Mode
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation, PoolSettings
from workflows import attributes
from workflows.pool_manager import PoolManager

RUNNING = 'WorkflowType="PoolManager" AND ExecutionStatus="Running"'
MODES: tuple[Mode, ...] = get_args(Mode)
ID = re.compile(rf"pool-(?P<mode>{'|'.join(MODES)})-(?P<name>.+)")
SILENT = (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
REFUSED = 1


class PoolId(NamedTuple):
    """Which pool."""

    mode: Mode
    name: str

    def __str__(self) -> str:
        return f"{self.name!r} of mode {self.mode}"


async def running(client: Client) -> list[PoolId]:
    """List the pools that are kept, by the search: some seconds late. Raises Trouble."""
    found = client.list_workflows(RUNNING, rpc_timeout=CALL_LIMIT)
    matches = [ID.fullmatch(each.id) async for each in found]
    return sorted(PoolId(_mode(match["mode"]), match["name"]) for match in matches if match)


async def found(client: Client, name: str, mode: Mode | None) -> PoolStatus:
    """Ask the one pool of this name. Raises Trouble when there is none, or are two."""
    asked = [PoolId(each, name) for each in (MODES if mode is None else (mode,))]
    told = [status for each in asked if (status := await status_of(client, each))]
    if not told:
        others = ", ".join(str(each) for each in await running(client)) or "none"
        raise Trouble(f"no pool {name!r} is kept; there are: {others}", status=1)
    if len(told) > 1:
        raise Trouble(f"there are two pools {name!r}: say which, with --mode")
    return told[0]


async def status_of(client: Client, pool: PoolId) -> PoolStatus | None:
    """Ask a pool for all it knows, or None when nobody keeps it. Raises Trouble."""
    try:
        with _answering(pool):
            return await _handle(client, pool).query(
                PoolManager.status,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=CALL_LIMIT,
            )
    except (WorkflowQueryRejectedError, _NotThere):
        return None


async def refusal(client: Client, settings: PoolSettings) -> str:
    """Ask a pool whether it would refuse a definition; one that is not kept refuses none."""
    pool = PoolId(settings.definition.mode, settings.definition.name)
    try:
        with _answering(pool):
            return await _handle(client, pool).query(
                PoolManager.refusal,
                settings,
                reject_condition=QueryRejectCondition.NOT_OPEN,
                rpc_timeout=CALL_LIMIT,
            )
    except (WorkflowQueryRejectedError, _NotThere):
        return ""


async def configure(client: Client, settings: PoolSettings) -> PoolStatus:
    """Give a pool its definition, and begin to keep it if nobody does. Raises Trouble."""
    definition = settings.definition
    pool = PoolId(definition.mode, definition.name)
    starting = WithStartWorkflowOperation(
        PoolManager.run,
        PoolState.fresh(definition),
        id=names.pool(*pool),
        task_queue=names.task_queue(pool.mode),
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=_shown(pool),
        static_summary=f"pool {pool.name} of {pool.mode}",
    )
    with _answering(pool):
        return await client.execute_update_with_start_workflow(
            PoolManager.configure,
            settings,
            start_workflow_operation=starting,
            rpc_timeout=CALL_LIMIT,
        )


async def operate(client: Client, pool: PoolId, operation: PoolOperation) -> PoolStatus:
    """Do something to a pool by hand. Raises Trouble."""
    try:
        with _answering(pool):
            return await _handle(client, pool).execute_update(
                PoolManager.operate, operation, rpc_timeout=CALL_LIMIT
            )
    except _NotThere as error:
        raise Trouble(f"pool {pool} is not kept any more", status=REFUSED) from error


async def end(client: Client, pool: PoolId) -> None:
    """Have a pool let its free members go and end; one that has ended is a success."""
    try:
        with _answering(pool):
            await _handle(client, pool).cancel(rpc_timeout=CALL_LIMIT)
    except _NotThere:
        return


def operator(by: str | None) -> str:
    """Name whoever is at this machine, unless they say who they are."""
    if by and by.strip():
        return by.strip()
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError) as error:
        raise Trouble("nobody knows who you are: say it with --by") from error


class _NotThere(Exception):
    """Nobody keeps this pool."""


@contextmanager
def _answering(pool: PoolId) -> Iterator[None]:
    """Tell an operator what it means when a pool does not answer, or refuses."""
    try:
        yield
    except WorkflowUpdateFailedError as error:
        raise Trouble(str(error.cause), status=REFUSED) from error
    except WorkflowQueryFailedError as error:
        raise Trouble(f"pool {pool} cannot answer: {error}") from error
    except WorkflowUpdateRPCTimeoutOrCancelledError as error:
        raise _silent(pool) from error
    except RPCError as error:
        if error.status in SILENT:
            raise _silent(pool) from error
        if error.status is RPCStatusCode.NOT_FOUND and "namespace" not in error.message.lower():
            raise _NotThere from error
        raise


def _shown(pool: PoolId) -> TypedSearchAttributes:
    """Describe a pool in the search as a worker does that begins to keep it."""
    pairs: list[SearchAttributePair[str]] = [
        SearchAttributePair(attributes.POOL, pool.name),
        SearchAttributePair(attributes.MODE, pool.mode),
    ]
    return TypedSearchAttributes(pairs)


def _silent(pool: PoolId) -> Trouble:
    return Trouble(f"no worker answers for pool {pool}: is one of mode {pool.mode} running?")


def _handle(client: Client, pool: PoolId) -> WorkflowHandle[PoolManager, Any]:
    return client.get_workflow_handle(names.pool(*pool))


def _mode(text: str) -> Mode:
    return next(mode for mode in MODES if mode == text)
