"""What an activity has noted is there at its next try, whatever beats come after the note."""

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    Interceptor,
    UnsandboxedWorkflowRunner,
    Worker,
)

from activities.diary import HeartbeatDiary
from worker.heartbeats import BEAT, Heartbeats

READ: list[str | None] = []
BEATS = threading.Semaphore(0)
PATIENCE = 25.0


class Counted(Interceptor):
    """Counts what goes out to the server: notes, and beats."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Counted(next)


class _Counted(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        super().init(_Counting(outbound))


class _Counting(ActivityOutboundInterceptor):
    def heartbeat(self, *details: Any) -> None:
        super().heartbeat(*details)
        BEATS.release()


@activity.defn(name="note")
def note(last: str) -> list[str | None]:
    """Read, write, go on for some beats, and fail until there was a third try."""
    diary = HeartbeatDiary()
    READ.append(diary.read())
    tried = activity.info().attempt
    if tried == 1:
        diary.write("the first")
        diary.write(last)
        # Both notes went out, and three beats that have nothing to say.
        if not all(BEATS.acquire(timeout=PATIENCE) for _ in range(2 + 3)):
            raise ApplicationError("nothing beats", non_retryable=True)
        raise RuntimeError("a worker that dies says less")
    if tried == 2:
        diary.write("")
        raise RuntimeError("once more")
    return READ


@workflow.defn(name="Noting")
class Noting:
    """Calls it."""

    @workflow.run
    async def run(self, last: str) -> list[str | None]:
        found: list[str | None] = await workflow.execute_activity(
            note,
            last,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=10)),
        )
        return found


async def test_the_last_note_outlives_the_beats_and_can_be_taken_back(temporal: Client) -> None:
    queue = f"notes-{uuid.uuid4()}"
    with ThreadPoolExecutor(1) as threads:
        async with Worker(
            temporal,
            task_queue=queue,
            workflows=[Noting],
            activities=[note],
            activity_executor=threads,
            workflow_runner=UnsandboxedWorkflowRunner(),
            interceptors=[Counted(), Heartbeats()],
            max_heartbeat_throttle_interval=BEAT,
        ):
            running = temporal.execute_workflow(Noting.run, "the last", id=queue, task_queue=queue)
            assert await asyncio.wait_for(running, 50) == [None, "the last", ""]
