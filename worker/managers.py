"""The managers of pools, as a worker begins them and finds them."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import NamedTuple

from temporalio.client import Client, WorkflowExecution, WorkflowHandle
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)

from runs_fleet import names
from runs_fleet.models import Mode, Policy
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.state import DEFAULT_POLICY, PoolState
from workflows import attributes
from workflows.pool_manager import PoolManager

CALL_LIMIT = timedelta(seconds=10)
MOST_POOLS = 1000
RUNNING = 'WorkflowType="PoolManager" AND ExecutionStatus="Running"'
NAME = re.compile("[a-z0-9-]{1,63}")
EPHEMERAL = "ephemeral"
Manager = WorkflowHandle[PoolManager, None]


class Kept(NamedTuple):
    """A pool that somebody keeps; `ephemeral` one that a job has called into being."""

    name: str
    ephemeral: bool


async def begin(
    temporal: Client,
    definition: PoolDefinition,
    *,
    task_queue: str,
    policy: Policy = DEFAULT_POLICY,
) -> Manager:
    """Begin the manager of a pool, or find the one that keeps it, whatever its definition is."""
    pairs: list[SearchAttributePair[str]] = [
        SearchAttributePair(attributes.POOL, definition.name),
        SearchAttributePair(attributes.MODE, definition.mode),
    ]
    kind = "ephemeral pool" if definition.ephemeral else "pool"
    return await temporal.start_workflow(
        PoolManager.run,
        PoolState.fresh(definition, policy),
        id=names.pool(definition.mode, definition.name),
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        search_attributes=TypedSearchAttributes(pairs),
        # So that the search tells which there are, without asking each of them.
        memo={EPHEMERAL: definition.ephemeral},
        static_summary=f"{kind} {definition.name} of {definition.mode}",
    )


async def kept(temporal: Client, mode: Mode) -> AsyncIterator[Kept]:
    """List the pools that somebody keeps, by the search: some seconds late."""
    prefix = names.pool(mode, "")
    async for found in temporal.list_workflows(RUNNING, limit=MOST_POOLS, rpc_timeout=CALL_LIMIT):
        name = found.id.removeprefix(prefix)
        if found.id.startswith(prefix) and NAME.fullmatch(name):
            yield Kept(name, await is_ephemeral(found))


async def is_ephemeral(found: WorkflowExecution) -> bool:
    """Tell whether a pool came into being because a job named it."""
    return await found.memo_value(EPHEMERAL, False, type_hint=bool)
