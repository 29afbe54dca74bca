"""What keeps every caller from GitHub while GitHub has asked for quiet."""

import time
from collections.abc import Callable
from threading import Lock

from runs_fleet.errors import RateLimited

EVERYTHING = "everything"
Payer = int | None


class Gate:
    """One gate per payer, an installation or (None) the App itself, and per bucket.

    The buckets of GitHub's primary limit are separate, so that spent look-ups do not keep
    new runners from being registered; the secondary limit closes `EVERYTHING`.
    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._until: dict[tuple[Payer, str], float] = {}

    def enter(self, payer: Payer, bucket: str) -> None:
        """Pass, or raise RateLimited at once."""
        with self._lock:
            until = max(self._until.get((payer, b), 0.0) for b in (bucket, EVERYTHING))
        left = until - self._clock()
        if left > 0:
            raise RateLimited(
                f"GitHub wants quiet for {left:.0f} s more ({bucket})",
                after=left,
            )

    def close(self, payer: Payer, bucket: str, after: float) -> None:
        """Let nobody pass for `after` seconds; a gate closed for longer stays so."""
        until = self._clock() + after
        with self._lock:
            self._until[payer, bucket] = max(until, self._until.get((payer, bucket), 0.0))
