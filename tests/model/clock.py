"""Virtual time: what happens next happens at once."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 5, tzinfo=UTC)
Deed = Callable[[], None]


class Clock:
    """Runs deeds in the order of their times; `seconds` is now."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.now = START
        self._heap: list[tuple[float, int, Deed]] = []
        self._count = itertools.count()

    def after(self, delay: float, deed: Deed) -> None:
        heapq.heappush(self._heap, (self.seconds + delay, next(self._count), deed))

    def at(self, moment: datetime, deed: Deed) -> None:
        self.after((moment - self.now).total_seconds(), deed)

    def run(self, *, until: float, done: Callable[[], bool]) -> None:
        """Run until nothing is left to do, or it is too late."""
        while self._heap and self.seconds <= until and not done():
            self.seconds, _, deed = heapq.heappop(self._heap)
            self.now = START + timedelta(seconds=self.seconds)
            deed()
