"""Reads, operates, terminates and cancels the managers of pools, as an operator would."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import TemporalError

from runs_fleet import names
from runs_fleet.models import Mode
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation
from simulator.chaos.evidence import OVER

CALL_LIMIT = 3.0
AWAY = (TemporalError, RuntimeError, TimeoutError)
BY = "chaos"
ENDED = frozenset({WorkflowExecutionStatus.CANCELED, WorkflowExecutionStatus.COMPLETED})
Answer = TypeVar("Answer")
Handle = WorkflowHandle[Any, Any]


class Managers:
    """The managers of one world; a Temporal server that is away is no error, and no answer."""

    def __init__(self, address: str, mode: Mode) -> None:
        self._address, self._mode = address, mode
        self._runner = asyncio.Runner()
        self._cancelled: set[str] = set()

    def close(self) -> None:
        """Give its loop back."""
        self._runner.close()

    def terminate(self, pool: str) -> bool:
        """End a manager without a word; tells whether one was there."""
        return self._ask(pool, lambda handle: _done(handle.terminate(BY))) or False

    def operate(self, pool: str, kind: str) -> bool:
        """Do something to a pool by hand; tells whether it was heard."""
        asked = PoolOperation.model_validate({"kind": kind, "by": BY})
        told = self._ask(pool, lambda handle: _done(handle.execute_update("operate", asked)))
        return told or False

    def status(self, pool: str) -> PoolStatus | None:
        """Read what a manager tells of its pool."""

        async def read(handle: Handle) -> PoolStatus:
            found: PoolStatus = await handle.query("status", result_type=PoolStatus)
            return found

        return self._ask(pool, read)

    def ended(self, pool: str) -> str:
        """Say whether a manager is over, or how it is instead; one that runs is cancelled."""
        return self._ask(pool, self._end) or "unread"

    async def _end(self, handle: Handle) -> str:
        found = await handle.describe()
        if found.status is WorkflowExecutionStatus.RUNNING and found.run_id not in self._cancelled:
            await handle.cancel()
            self._cancelled.add(str(found.run_id))
        return _end_of(found)

    def _ask(self, pool: str, ask: Callable[[Handle], Awaitable[Answer]]) -> Answer | None:
        async def call() -> Answer:
            async with asyncio.timeout(CALL_LIMIT):
                client = await Client.connect(self._address, data_converter=pydantic_data_converter)
                return await ask(client.get_workflow_handle(names.pool(self._mode, pool)))

        try:
            return self._runner.run(call())
        except AWAY:
            return None


async def _done(call: Awaitable[object]) -> bool:
    await call
    return True


def _end_of(found: WorkflowExecutionDescription) -> str:
    if found.status in ENDED:
        return OVER
    return found.status.name.lower() if found.status else "unread"
