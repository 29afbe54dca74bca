"""Carries what a watch sees of machines to the lifecycles that own them.

Nothing more is read while Temporal is away, so the watch holds what is current and this little.
Signals are idempotent; what gets lost with this process is seen again by whoever watches next.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.models import MachineEvent
from runs_fleet.ports import MachineWatch
from worker.counts import Counts
from worker.deliveries import CALL_LIMIT, CARES, MACHINE_ID
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
AT_ONCE, ASKED_AT_ONCE = 16, 50
LAST_TURN = 5.0

log = logging.getLogger(__name__)


@dataclass
class Watching:
    """Runs beside the worker. Trouble is signalled at once to the lifecycle that the name tells.

    Routine is only signalled where it is news: to a lifecycle that still counts on this machine,
    and whose job has not succeeded. One search tells of many, and mostly of none.
    """

    temporal: Client
    watch: MachineWatch
    counts: Counts
    _turns: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(AT_ONCE), init=False
    )
    _turn: asyncio.Task[int] | None = field(default=None, init=False)

    async def run(self) -> None:
        """Carry news until cancelled."""
        while True:
            # Shielded: what has been read is not told twice.
            self._turn = asyncio.create_task(self.turn())
            await asyncio.shield(self._turn)

    async def turn(self) -> int:
        """Read once and tell all, however long Temporal is away; returns how many were told."""
        news = await asyncio.to_thread(self.watch.read)
        trouble = [each.event for each in news if not each.routine]
        routine = [each.event for each in news if each.routine]
        told = await asyncio.gather(self._tell_all(trouble), self._tell_wanted(routine))
        return sum(told)

    async def close(self) -> None:
        """Tell what was being read, and leave the watch to others."""
        if self._turn is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._turn, LAST_TURN)
        await asyncio.to_thread(self.watch.close)

    async def _tell_all(self, events: Sequence[MachineEvent]) -> int:
        await asyncio.gather(*map(self._tell, events))
        return len(events)

    async def _tell_wanted(self, events: Sequence[MachineEvent]) -> int:
        """Leave out what is no news to anybody."""
        asked = [event for event in events if MACHINE_ID.issuperset(event.machine_id)]
        told = 0
        for start in range(0, len(asked), ASKED_AT_ONCE):
            wanted = await self._wanted(asked[start : start + ASKED_AT_ONCE])
            told += await self._tell_all(wanted)
        return told

    async def _wanted(self, events: Sequence[MachineEvent]) -> list[MachineEvent]:
        listed = ", ".join(f'"{event.machine_id}"' for event in events)
        query = f"{attributes.MACHINE.name} IN ({listed}) AND {CARES}"
        wait = FIRST_WAIT
        while True:
            try:
                cares = await self._machines(query)
            except RPCError as error:
                wait = await self._wait(wait, error)
            else:
                break
        for event in events:
            if event.machine_id not in cares:
                self.counts.machine(event.cause, "ignored")
        return [event for event in events if event.machine_id in cares]

    async def _machines(self, query: str) -> set[str]:
        found = self.temporal.list_workflows(query, rpc_timeout=CALL_LIMIT)
        return {each.typed_search_attributes.get(attributes.MACHINE) or "" async for each in found}

    async def _tell(self, event: MachineEvent) -> None:
        """Signal the owner; a lifecycle that has ended does not care."""
        owner = names.owner(event.runner)
        if owner is None:
            self.counts.machine(event.cause, "ignored")
            return
        wait = FIRST_WAIT
        while True:
            try:
                result = await self._signal(names.lifecycle(owner[0]), event)
            except RPCError as error:
                wait = await self._wait(wait, error)
            else:
                break
        self.counts.machine(event.cause, result)
        facts = {"machine_id": event.machine_id, "kind": event.kind, "cause": event.cause}
        log.info("machine event", extra={**facts, "detail": event.detail, "result": result})

    async def _signal(self, workflow_id: str, event: MachineEvent) -> str:
        handle = self.temporal.get_workflow_handle(workflow_id)
        async with self._turns:
            try:
                await handle.signal(RunnerLifecycle.machine_event, event, rpc_timeout=CALL_LIMIT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return "unknown"
        return "signalled"

    async def _wait(self, seconds: float, error: RPCError) -> float:
        """Wait for Temporal; returns how long to wait the next time."""
        log.warning("waiting for temporal", extra={"reason": str(error), "again_in": seconds})
        await asyncio.sleep(seconds)
        return min(2 * seconds, LONGEST_WAIT)
