"""Things that GitHub does later, against a clock that tests can turn."""

import heapq
import itertools
from collections.abc import Callable

Clock = Callable[[], float]


class Timer:
    """One thing to do later, unless it is cancelled before."""

    def __init__(self, due: float, act: Callable[[], None]) -> None:
        self.due, self._act, self._cancelled = due, act, False

    def cancel(self) -> None:
        """Forget it; already done is fine."""
        self._cancelled = True

    def fire(self) -> None:
        """Do it once."""
        if not self._cancelled:
            self._cancelled = True
            self._act()


class Timers:
    """A heap of timers; `wake` is called when the next one may have become sooner."""

    def __init__(self, clock: Clock, *, wake: Callable[[], None] = lambda: None) -> None:
        self.clock, self.wake = clock, wake
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Do something later; zero seconds is the next turn, never at once."""
        timer = Timer(self.clock() + seconds, act)
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        if self._heap[0][2] is timer:
            self.wake()
        return timer

    def run(self) -> float | None:
        """Do what is due and return the seconds until the next, or None without any."""
        while self._heap and self._heap[0][0] <= self.clock():
            heapq.heappop(self._heap)[2].fire()
        return max(self._heap[0][0] - self.clock(), 0) if self._heap else None
