"""Timers of a workflow that looks up now and then: one that rings too early costs nothing."""

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow


class Alarms:
    """The timers that run; a new one is only begun when none rings in time."""

    def __init__(self) -> None:
        self._set: dict[datetime, asyncio.Task[None]] = {}

    def by(self, until: datetime, summary: str) -> None:
        """Have one ring at a moment, or earlier."""
        self._set = {at: alarm for at, alarm in self._set.items() if not alarm.done()}
        if not any(at <= until for at in self._set):
            span = max(until - workflow.now(), timedelta(milliseconds=1))
            self._set[until] = asyncio.create_task(workflow.sleep(span, summary=summary))

    @property
    def ring(self) -> bool:
        """Whether one has rung since the last was set."""
        return any(alarm.done() for alarm in self._set.values())
