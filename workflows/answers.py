"""Waits for activities, and reads how they ended: a value, or a verdict's type and words."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from runs_fleet.answers import Failure

Handle = workflow.ActivityHandle[Any]


class Answer(NamedTuple):
    """`kind` is empty when there is a value, else the type of the verdict (`NoCapacity`, ...).

    `after` is how long a rate limit still lasts.
    """

    value: Any
    kind: str = ""
    words: str = ""
    after: timedelta | None = None

    @property
    def told(self) -> Any:
        """The value, or the verdict as the core knows it."""
        return Failure(self.kind, self.words, self.after) if self.kind else self.value


def answer(handle: Handle) -> Answer:
    """Read the answer of a call that has ended."""
    try:
        return Answer(handle.result())
    except asyncio.CancelledError:
        return Answer(None, "CancelledError", "stopped before it began")
    except ActivityError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError):
            kind, after = cause.type or "ApplicationError", cause.next_retry_delay
            return Answer(None, kind, cause.message, after)
        return Answer(None, type(cause).__name__, str(cause))


async def settled(call: Handle, *, unneeded: Callable[[], bool] = lambda: False) -> None:
    """Wait for a call that cannot be taken back.

    When it is not needed any more, or the lifecycle is cancelled, ask it to stop, and wait
    to learn whether it did.
    """
    try:
        await workflow.wait_condition(lambda: call.done() or unneeded())
    except asyncio.CancelledError:
        await _stopped(call)
        raise
    await _stopped(call)


async def delivered(
    sending: Coroutine[Any, Any, None], heard: Callable[[bool], None], *, guarded: bool
) -> None:
    """Send a signal to another workflow, and say whether that is there.

    The SDK forgets a Cancel that comes on the way, and Temporal delivers only the first. If
    `guarded`, it comes after the signal. Lifecycles that began without go on as they began.
    """
    if not guarded:
        try:
            await sending
        except FailureError:
            return heard(False)
        return heard(True)
    task = asyncio.create_task(sending)
    try:
        await workflow.wait_condition(task.done)
    except asyncio.CancelledError:
        await workflow.wait([task])
        raise
    finally:
        # A lifecycle that its worker drops from memory ends here too, and knows no answer.
        if task.done() and not task.cancelled():
            heard(_arrived(task))


def _arrived(task: asyncio.Task[None]) -> bool:
    try:
        task.result()
    except FailureError:
        return False
    return True


async def _stopped(call: Handle) -> None:
    """Ask a call to stop, and wait for it, also when the lifecycle is cancelled meanwhile."""
    if call.done():
        return
    call.cancel()
    try:
        await workflow.wait([call])
    except asyncio.CancelledError:
        # Only the first Cancel of a workflow is delivered, so this wait is not broken off.
        await workflow.wait([call])
        raise
