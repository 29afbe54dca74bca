"""Watches lifecycles through Temporal's own list, as an operator would."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

TYPE = 'WorkflowType="RunnerLifecycle"'
LIMIT = timedelta(seconds=10)


@dataclass(frozen=True)
class Row:
    """One job as the list shows it; `state` and the rest are search attributes."""

    job_id: int
    name: str
    state: str
    runner: str
    machine: str
    attempt: int
    seconds: float
    closed: bool


class Watcher:
    """Reads the list of lifecycles."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    async def connect(cls, address: str) -> "Watcher":
        """Connect to the world's Temporal server."""
        return cls(await Client.connect(address))

    async def rows(self) -> list[Row]:
        """Read all lifecycles, the open ones first, then the newest."""
        found = [_row(one) async for one in self._client.list_workflows(TYPE, rpc_timeout=LIMIT)]
        return sorted(found, key=lambda row: (row.closed, -row.job_id))

    async def open_count(self) -> int:
        """Count the lifecycles that are not over."""
        query = f'{TYPE} AND ExecutionStatus="Running"'
        return (await self._client.count_workflows(query, rpc_timeout=LIMIT)).count


def _row(found: WorkflowExecution) -> Row:
    shown = {pair.key.name: pair.value for pair in found.typed_search_attributes}
    end = found.close_time or datetime.now(UTC)
    return Row(
        job_id=int(found.id.removeprefix("job-")),
        name=str(shown.get("JobName", "")),
        state=str(shown.get("RunnerState", "")),
        runner=str(shown.get("RunnerName", "")),
        machine=str(shown.get("MachineType", "")),
        attempt=int(shown.get("Attempt", 1)),
        seconds=(end - found.start_time).total_seconds(),
        closed=found.status != WorkflowExecutionStatus.RUNNING,
    )
