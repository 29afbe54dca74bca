"""How the agent waits for a world that is not there yet: ever longer, and not too loudly."""

import logging
import random
import time
from collections.abc import Iterator


def backoff(least: float, most: float) -> Iterator[float]:
    """Yield waiting times growing to `most`, spread so that machines do not march in step."""
    delay = least
    while True:
        yield delay * random.uniform(0.8, 1.2)
        delay = min(delay * 1.6, most)


class Grumble:
    """Logs a repeated trouble at once and then only every `every` seconds."""

    def __init__(self, log: logging.Logger, event: str, *, every: float = 30.0) -> None:
        self._log = log
        self._event = event
        self._every = every
        self._next = 0.0

    def at(self, trouble: Exception) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + self._every
            self._log.warning(self._event, extra={"reason": str(trouble)})
