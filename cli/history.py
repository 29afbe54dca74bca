"""`runs-fleet history`: what a lifecycle went through, for whoever has to find out why."""

import json
import sys
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory

from cli import lifecycles
from cli.temporal import run

# What a replay does not look at, and what tells of the machines that worked on it.
NOISE = {"stackTrace", "taskId", "requestId", "meteringMetadata", "workerVersion"}
SOMEBODY = "recorder"
STICKY = "TASK_QUEUE_KIND_STICKY"


def export(job_id: int, output: Path | None) -> int:
    """Write one history to a file, or to stdout; returns the exit status."""

    def write(history: WorkflowHistory) -> None:
        if output is None:
            sys.stdout.write(tidy(history))
            return
        output.write_text(tidy(history))
        sys.stderr.write(f"{len(history.events)} events of job {job_id} are in {output}\n")

    return run(lambda client: _fetched(client, job_id), write)


async def _fetched(client: Client, job_id: int) -> WorkflowHistory:
    found = await lifecycles.described(client, job_id)
    return await client.get_workflow_handle(found.id, run_id=found.run_id).fetch_history()


def tidy(history: WorkflowHistory) -> str:
    """Write a history, one event a line, without what tells of the machines that worked on it."""
    events = _quiet(json.loads(history.to_json())["events"])
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events)
    return f'{{"events":[\n{lines}\n]}}\n'


def _quiet(value: Any) -> Any:
    if isinstance(value, list):
        return [_quiet(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: _quiet(item) for key, item in value.items() if key not in NOISE}
    if "identity" in kept:
        kept["identity"] = SOMEBODY
    # A sticky queue is named after its worker's host.
    if kept.get("kind") == STICKY:
        kept["name"] = SOMEBODY
    return kept
