"""News of jobs that nobody has asked a runner for yet: GitHub does not keep the order."""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

from runs_fleet.models import JobEvent

RANK = {"queued": 0, "in_progress": 1, "completed": 2}
LIFE = timedelta(hours=1)
MOST = 10_000


class EarlyEvents:
    """The furthest event of each job without a workflow; bounded, and lost with the process.

    What is lost costs a runner that finds no job: the lifecycle asks GitHub in the end.
    """

    def __init__(
        self,
        *,
        life: timedelta = LIFE,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life, self._most, self._clock = life.total_seconds(), most, clock
        self._events: OrderedDict[int, tuple[float, JobEvent]] = OrderedDict()

    def __len__(self) -> int:
        self._expire()
        return len(self._events)

    def note(self, event: JobEvent) -> None:
        """Remember an event, unless a later phase of the job is known."""
        known = self.of(event.job_id)
        if known and RANK[known.phase] > RANK[event.phase]:
            event = known
        elif known and event.runner_name is None:
            # Some completed events no longer name the runner that the job had.
            event = event.model_copy(update={"runner_name": known.runner_name})
        self._events[event.job_id] = (self._clock() + self._life, event)
        self._events.move_to_end(event.job_id)
        while len(self._events) > self._most:
            self._events.popitem(last=False)

    def of(self, job_id: int) -> JobEvent | None:
        """Return the furthest event of a job."""
        self._expire()
        _, event = self._events.get(job_id, (0.0, None))
        return event

    def forget(self, job_id: int) -> None:
        """Drop what a workflow knows by now; not there is fine."""
        self._events.pop(job_id, None)

    def _expire(self) -> None:
        now = self._clock()
        while self._events and next(iter(self._events.values()))[0] <= now:
            self._events.popitem(last=False)
