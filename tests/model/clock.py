"""Virtual time: what happens next happens at once."""

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, tzinfo=UTC)
Deed = Callable[[], object]


class Clock:
    """Runs deeds in the order of their times; `seconds` is now, until it is `stopped`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.stopped = False
        self._now: datetime | None = START
        self._heap: list[tuple[float, int, Deed]] = []
        self._count = 0

    @property
    def now(self) -> datetime:
        """The time as the product knows it; most deeds do not ask."""
        if self._now is None:
            self._now = START + timedelta(seconds=self.seconds)
        return self._now

    def after(self, delay: float, deed: Deed) -> None:
        self._count += 1
        heapq.heappush(self._heap, (self.seconds + delay, self._count, deed))

    def at(self, moment: datetime, deed: Deed) -> None:
        self.after((moment - self.now).total_seconds(), deed)

    def run(self, *, until: float) -> None:
        """Run until nothing is left to do, or it is too late."""
        heap, pop = self._heap, heapq.heappop
        while heap and not self.stopped and self.seconds <= until:
            self.seconds, _, deed = pop(heap)
            self._now = None
            deed()
