"""How many calls a service takes: some at once, then some a second, and fewer when it says so."""

import time
from collections.abc import Callable
from threading import Lock

# What was under way when the rate was cut says nothing of the new rate.
SETTLING = 1.0
CUT, STEP = 0.5, 0.05
# A bucket's level is a sum of fractions.
WHOLE = 1 - 1e-9
# Told the budget's name and its rate.
Told = Callable[[str, float], None]


def unheard(_name: str, _rate: float) -> None:
    """Tell nobody."""


class Budget:
    """A token bucket that halves its rate when the service throttles, and regains it bit by bit.

    Thread safe; one for each service and credentials in a process. Several processes that share
    an account find their parts by being throttled: additive increase, multiplicative decrease.
    """

    def __init__(
        self,
        name: str,
        *,
        burst: float,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        told: Told = unheard,
    ) -> None:
        self.name = name
        self._burst, self._most, self._rate = burst, rate, rate
        self._clock, self._told = clock, told
        self._lock = Lock()
        self._level, self._at = burst, clock()
        self._cut_at = float("-inf")

    @property
    def rate(self) -> float:
        """Calls a second, as the service lets us at present."""
        return self._rate

    def take(self) -> float:
        """Take a call and return 0, or return in how many seconds there will be one."""
        with self._lock:
            self._fill()
            if self._level < WHOLE:
                return (1 - self._level) / self._rate
            self._level -= 1
            return 0.0

    def throttled(self) -> None:
        """Take in that the service refused a call because there were too many."""
        with self._lock:
            self._fill()
            self._level = 0.0
            now = self._clock()
            if now < self._cut_at + SETTLING:
                return
            self._cut_at = now
            self._rate = max(self._rate * CUT, self._most * STEP)
        self._told(self.name, self._rate)

    def served(self) -> None:
        """Take in that the service took a call."""
        with self._lock:
            if self._rate >= self._most:
                return
            self._fill()
            self._rate = min(self._rate + self._most * STEP, self._most)
        self._told(self.name, self._rate)

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
