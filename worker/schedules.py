"""Keeps the schedule of the sweep as the settings want it.

https://docs.temporal.io/develop/python/workflows/schedules
"""

import asyncio
import logging
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import Priority
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.census import SweepRequest
from workflows import options
from workflows.sweep import Sweep

CALL_LIMIT = timedelta(seconds=10)
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0

log = logging.getLogger(__name__)


async def keep(client: Client, request: SweepRequest, interval: timedelta | None) -> None:
    """Bring the schedule about, however long Temporal is away; then return."""
    wait = FIRST_WAIT
    while True:
        try:
            await ensure(client, request, interval)
        except RPCError as error:
            facts = {"reason": error.message, "again_in": wait}
            log.warning("waiting for the sweep's schedule", extra=facts)
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)
        else:
            log.info("sweep scheduled", extra={"every": str(interval or "never")})
            return


async def ensure(client: Client, request: SweepRequest, interval: timedelta | None) -> None:
    """Create the schedule, or change it to these settings; without an interval delete it."""
    name = names.sweep(request.mode)
    if interval is None:
        await _delete(client, name)
        return
    wanted = schedule(request, interval)
    try:
        await client.create_schedule(name, wanted, rpc_timeout=CALL_LIMIT)
    except ScheduleAlreadyRunningError:
        handle = client.get_schedule_handle(name)
        await handle.update(lambda found: _changed(found, wanted), rpc_timeout=CALL_LIMIT)


def schedule(request: SweepRequest, interval: timedelta) -> Schedule:
    """Describe the schedule: one sweep at a time, none of those that were missed."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Sweep.run,
            request,
            id=names.sweep(request.mode),
            task_queue=names.task_queue(request.mode),
            execution_timeout=options.SWEEP_LIMIT,
            static_summary=f"sweep of {request.mode}",
            priority=Priority(priority_key=options.SWEEP_PRIORITY),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=interval)]),
        policy=SchedulePolicy(
            overlap=ScheduleOverlapPolicy.SKIP, catchup_window=options.SWEEP_CATCHUP
        ),
        state=ScheduleState(note="Repairs what no lifecycle takes care of; see docs/sweep.md"),
    )


def _changed(found: ScheduleUpdateInput, wanted: Schedule) -> ScheduleUpdate | None:
    """Change all but the state: a schedule that an operator has paused stays paused."""
    wanted.state = found.description.schedule.state
    return ScheduleUpdate(schedule=wanted)


async def _delete(client: Client, name: str) -> None:
    try:
        await client.get_schedule_handle(name).delete(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
