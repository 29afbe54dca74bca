"""Remembers that Temporal is away, so that not every delivery has to find out by waiting."""

import logging
import time
from collections.abc import Callable

FAILURES = 5
SILENCE = 1.0
PAUSE = 1.0

log = logging.getLogger(__name__)


class Breaker:
    """Opens after several failures in a row if nothing has succeeded for some time either.

    Both, because in a burst many give up at the same moment while Temporal is as busy as ever.
    Times are seconds; `pause` is the least time between two probes.
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        silence: float = SILENCE,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._silence, self._pause, self._clock = failures, silence, pause, clock
        self._failures = 0
        self._succeeded_at = clock() - silence
        self._probed_at = 0.0
        self.is_open = False

    def succeeded(self) -> None:
        """Note that Temporal answered; closes the breaker."""
        self._failures, self._succeeded_at = 0, self._clock()
        if self.is_open:
            self.is_open = False
            log.info("temporal is back")

    def failed(self) -> None:
        """Note that Temporal did not answer, or not in time."""
        self._failures += 1
        silent = self._clock() - self._succeeded_at >= self._silence
        if not self.is_open and silent and self._failures >= self._most:
            self.is_open, self._probed_at = True, self._clock()
            log.warning("temporal is away", extra={"failures": self._failures})

    def probe_due(self) -> bool:
        """Whether to look if Temporal is back; says so once in each pause."""
        due = self.is_open and self._clock() - self._probed_at >= self._pause
        if due:
            self._probed_at = self._clock()
        return due
