"""What a lifecycle costs in Temporal, counted from its history."""

from collections.abc import Iterable

from pydantic import BaseModel
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from runs_fleet import names

# https://docs.temporal.io/cloud/actions lists what is billed.
BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: "start",
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED: "activity",
    EventType.EVENT_TYPE_TIMER_STARTED: "timer",
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: "signal",
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES: "search attributes",
}


class Cost(BaseModel):
    """One lifecycle's events, history bytes, and billable actions by kind."""

    events: int
    size: int = 0
    actions: dict[str, int]

    @property
    def billable(self) -> int:
        """All actions."""
        return sum(self.actions.values())


def cost(events: Iterable[HistoryEvent]) -> Cost:
    """Count events and billable actions; an activity's further attempts are billed as well."""
    seen = list(events)
    actions: dict[str, int] = {}
    for event in seen:
        kind = BILLED.get(event.event_type)
        if kind is not None:
            actions[kind] = actions.get(kind, 0) + 1
        again = event.activity_task_started_event_attributes.attempt - 1
        if again > 0:
            actions["retry"] = actions.get("retry", 0) + again
    return Cost(events=len(seen), size=sum(each.ByteSize() for each in seen), actions=actions)


async def costs(address: str, jobs: Iterable[int]) -> list[Cost]:
    """Read the histories of jobs."""
    client = await Client.connect(address)
    handles = [client.get_workflow_handle(names.lifecycle(job)) for job in jobs]
    return [cost((await handle.fetch_history()).events) for handle in handles]
