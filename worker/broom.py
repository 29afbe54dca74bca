"""`runs-fleet sweep`: one sweep at an operator's word, or what it would do."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from temporalio.client import (
    Client,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    WorkflowFailureError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.census import Part, SweepReport, SweepRequest, SweepState
from runs_fleet.models import Mode
from workflows import options
from workflows.sweep import Sweep

DEFAULT_ADDRESS = "localhost:7233"
CALL_LIMIT = timedelta(seconds=10)
LOOK = 0.2


class NotSwept(Exception):
    """There is nothing to show; the message says what to do about it."""


def main(*, dry_run: bool, as_json: bool, mode: Mode = "ec2") -> int:
    """Sweep and tell; 0 if every part went well, 1 if one did not, 2 if there was no sweep."""
    quiet = Console(stderr=True)
    try:
        with quiet.status("sweeping"):
            report = asyncio.run(_connected(dry_run=dry_run, mode=mode))
    except (NotSwept, RPCError, RuntimeError, ValueError) as error:
        quiet.print(f"runs-fleet sweep: {error}", style="red", markup=False, highlight=False)
        return 2
    if as_json:
        print(report.model_dump_json(exclude={"state"}))  # noqa: T201 - for scripts: rich would wrap it
    else:
        show(report, Console())
    return int(any(part.failed for part in report.parts))


async def _connected(*, dry_run: bool, mode: Mode) -> SweepReport:
    address = ClientConfig.load_client_connect_config()
    address.setdefault("target_host", DEFAULT_ADDRESS)
    client = await Client.connect(**address, data_converter=pydantic_data_converter)
    limit = options.SWEEP_LIMIT.total_seconds()
    try:
        async with asyncio.timeout(limit):
            return await (rehearsed(client, mode) if dry_run else swept(client, mode))
    except TimeoutError:
        raise NotSwept(f"no worker has swept within {limit:.0f} s; is one running?") from None


async def swept(client: Client, mode: Mode) -> SweepReport:
    """Have the schedule sweep at once, after one that is under way, and wait for the result."""
    found = await _described(client, mode)
    if found is None:
        raise NotSwept(
            "there is no schedule for it: no worker has started with RUNS_FLEET_SWEEP_INTERVAL set"
        )
    handle, before = client.get_schedule_handle(found.id), found.info.num_actions
    await handle.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE, rpc_timeout=CALL_LIMIT)
    info = (await handle.describe(rpc_timeout=CALL_LIMIT)).info
    while info.num_actions <= before or not info.recent_actions:
        await asyncio.sleep(LOOK)
        info = (await handle.describe(rpc_timeout=CALL_LIMIT)).info
    return await _result(client, info.recent_actions[-1].action)


async def rehearsed(client: Client, mode: Mode) -> SweepReport:
    """Sweep without doing anything, from where the last scheduled sweep has left off."""
    found = await _described(client, mode)
    request = await _request(client, found, mode)
    state = await _last_state(client, found)
    return await client.execute_workflow(
        Sweep.run,
        request.model_copy(update={"dry_run": True, "state": state}),
        id=f"sweep-dry-run-{time.time_ns() // 1_000_000}",
        task_queue=names.task_queue(mode),
        execution_timeout=options.SWEEP_LIMIT,
        static_summary=f"what a sweep of {mode} would do",
    )


async def _described(client: Client, mode: Mode) -> ScheduleDescription | None:
    try:
        return await client.get_schedule_handle(names.sweep(mode)).describe(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _request(client: Client, found: ScheduleDescription | None, mode: Mode) -> SweepRequest:
    """Sweep as the schedule does; what is set there, only workers know."""
    action = found.schedule.action if found else None
    if not isinstance(action, ScheduleActionStartWorkflow):
        return SweepRequest(mode=mode)
    [request] = await client.data_converter.decode(list(action.args), [SweepRequest])
    assert isinstance(request, SweepRequest)
    return request


async def _last_state(client: Client, found: ScheduleDescription | None) -> SweepState:
    async for report in _reports(client, found):
        return report.state
    return SweepState()


async def _reports(client: Client, found: ScheduleDescription | None) -> AsyncIterator[SweepReport]:
    """Read the results of past sweeps, newest first; those that failed have none."""
    if found is None:
        return
    running = {_run_of(action) for action in found.info.running_actions}
    for result in reversed(found.info.recent_actions):
        if _run_of(result.action) in running:
            continue
        try:
            yield await _result(client, result.action)
        except (WorkflowFailureError, RPCError):
            continue


def _run_of(action: Any) -> str:
    return str(getattr(action, "first_execution_run_id", ""))


async def _result(client: Client, action: Any) -> SweepReport:
    assert isinstance(action, ScheduleActionExecutionStartWorkflow)
    handle = client.get_workflow_handle(
        action.workflow_id, run_id=action.first_execution_run_id, result_type=SweepReport
    )
    report: SweepReport = await handle.result()
    return report


def show(report: SweepReport, console: Console) -> None:
    """Tell in a table, then in words."""
    title = "What a sweep would do" if report.dry_run else "What the sweep did"
    done = "would repair" if report.dry_run else "repaired"
    table = Table("part", "looked at", done, "kept", "failed", "last success", "said", title=title)
    for part in report.parts:
        table.add_row(*_row(part, report.at))
    console.print(table)
    _list(report.parts, console)


def _row(part: Part, now: datetime) -> Sequence[str]:
    ago = f"{(now - part.last_success).total_seconds():.0f} s ago" if part.last_success else "never"
    counts = (part.looked, part.repaired, part.kept, part.failed)
    return (part.name, *map(str, counts), ago, part.error or part.skipped)


def _list(parts: Sequence[Part], console: Console) -> None:
    for part in parts:
        for words in part.actions:
            console.print(f"{part.name}: {words}", markup=False, highlight=False)
