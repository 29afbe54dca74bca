"""Things that happen later: one thread, one heap."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Timers:
    """Calls functions after a delay, in order; a function that fails is logged and forgotten."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        threading.Thread(target=self._run, name="timers", daemon=True).start()

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Call `do` in `seconds`."""
        with self._changed:
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._number), do))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            do = self._next()
            try:
                do()
            except Exception:
                log.exception("timer failed")

    def _next(self) -> Callable[[], None]:
        with self._changed:
            while not self._heap or self._heap[0][0] > time.monotonic():
                self._changed.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
            return heapq.heappop(self._heap)[2]
