"""Reads how an activity ended: its value, or the type and words of its verdict."""

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

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
