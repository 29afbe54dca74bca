"""`runs-fleet pools arrivals`: the jobs of the last days, as a backtest reads them."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from cli.lifecycles import ID, Handle
from cli.temporal import CALL_LIMIT, run
from runs_fleet.outcomes import JobOutcome
from runs_fleet.pools import arrivals
from runs_fleet.pools.arrivals import Arrival
from workflows import attributes

# So that an export leaves most of the server to the fleet.
AT_ONCE = 16


def export(days: int, output: Path | None) -> int:
    """Write the jobs that were over in the last days as CSV; returns the exit status."""

    def write(found: Sequence[Arrival]) -> None:
        text = arrivals.write(found)
        if output is None:
            sys.stdout.write(text)
            return
        output.write_text(text)
        sys.stderr.write(f"{len(found)} jobs are in {output}\n")

    with Console(stderr=True).status("reading jobs"):
        return run(lambda client: came(client, datetime.now(UTC) - timedelta(days=days)), write)


async def came(client: Client, since: datetime) -> list[Arrival]:
    """Read the jobs that ran and were over since a moment, from Temporal's memory."""
    query = (
        'WorkflowType="RunnerLifecycle" AND ExecutionStatus="Completed"'
        f' AND CloseTime > "{since:%Y-%m-%dT%H:%M:%SZ}"'
    )
    slots = asyncio.Semaphore(AT_ONCE)

    async def read(each: WorkflowExecution) -> Arrival | None:
        async with slots:
            outcome = await _outcome(client, each)
        pool = each.typed_search_attributes.get(attributes.POOL) or ""
        return arrival(outcome, pool) if outcome else None

    listed = [
        each
        async for each in client.list_workflows(query, rpc_timeout=CALL_LIMIT)
        if ID.fullmatch(each.id)
    ]
    found = await asyncio.gather(*map(read, listed))
    return sorted(filter(None, found), key=lambda each: each.queued_at)


def arrival(outcome: JobOutcome, pool: str) -> Arrival | None:
    """Make of a job's outcome what a backtest needs, or nothing when it never ran."""
    timings = outcome.timings
    if timings.started is None or timings.completed is None:
        return None
    length = max(timings.completed - timings.started, timedelta(0))
    return Arrival(queued_at=timings.queued, duration=length, repo=outcome.repo, pool=pool)


async def _outcome(client: Client, found: WorkflowExecution) -> JobOutcome | None:
    handle: Handle = client.get_workflow_handle(
        found.id, run_id=found.run_id, result_type=JobOutcome
    )
    try:
        return await handle.result(rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        # Its retention was over in the meantime.
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
