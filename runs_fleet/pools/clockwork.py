"""Simulated time: what is to happen when, in order."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

Happening = Callable[[], None]


class Clockwork:
    """Goes from one event to the next; those of one moment happen in the order of their making."""

    def __init__(self, begins: datetime) -> None:
        self.now = begins
        self.stirred = False
        self._queue: list[tuple[datetime, int, Happening | None]] = []
        self._number = 0

    def at(self, moment: datetime, happening: Happening | None = None) -> None:
        """Have something happen, or only be looked at; what is past happens next."""
        self._number += 1
        heapq.heappush(self._queue, (max(moment, self.now), self._number, happening))

    def after(self, length: timedelta, happening: Happening) -> None:
        """Have something happen later."""
        self.at(self.now + length, happening)

    def step(self) -> bool:
        """Go to the next moment and do all that is due then; false when nothing is left.

        `stirred` tells whether anything has happened in it.
        """
        if not self._queue:
            return False
        self.now, self.stirred = self._queue[0][0], False
        while self._queue and self._queue[0][0] <= self.now:
            happening = heapq.heappop(self._queue)[2]
            if happening is not None:
                self.stirred = True
                happening()
        return True
