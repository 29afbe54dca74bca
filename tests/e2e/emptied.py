"""Ends the pools of a world, so that nothing of them may be left."""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from tests.e2e.fleet import LOOK, Fleet
from tests.lifecycles import eventually

OPEN = 'WorkflowType="PoolManager" AND ExecutionStatus="Running"'
NONE = "pools: []\n"
PATIENCE = 120.0


async def emptied(fleet: Fleet, file: Path) -> None:
    """Forget the pools, cancel their managers, and wait until nothing of any runner is left.

    A worker begins a pool anew that it finds in its file, and may have read that just before.
    """
    await asyncio.to_thread(file.write_text, NONE)

    async def empty() -> bool:
        return not (await _cancelled(fleet) or await asyncio.to_thread(fleet.left))

    await eventually(empty, what="the end of all that pools have", look=LOOK, patience=PATIENCE)
    await fleet.settled()


async def _cancelled(fleet: Fleet) -> int:
    """Cancel the managers that there are, and wait for their ends; returns how many there were."""
    found = [each.id async for each in fleet.temporal.list_workflows(OPEN)]
    await asyncio.gather(*(_end(fleet, each) for each in found))
    return len(found)


async def _end(fleet: Fleet, workflow_id: str) -> None:
    manager = fleet.temporal.get_workflow_handle(workflow_id)
    await manager.cancel()
    with pytest.raises(WorkflowFailureError):
        await asyncio.wait_for(manager.result(), PATIENCE)
