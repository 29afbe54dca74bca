"""What GitHub says is left of the hour's calls."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from runs_fleet.github.gate import Payer

CORE = "core"


@dataclass(frozen=True)
class Budget:
    """One budget as last told; `reset` is when the next hour begins."""

    limit: int
    remaining: int
    reset: float

    @property
    def share(self) -> float:
        """The part of it that is left."""
        return self.remaining / self.limit if self.limit else 1.0


class Budgets:
    """The budgets of each payer, from the headers of every answer.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#checking-the-status-of-your-rate-limit
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._told: dict[tuple[Payer, str], Budget] = {}

    def note(self, payer: Payer, headers: Mapping[str, str]) -> None:
        """Take in an answer's headers; GitHub Enterprise Server may have none."""
        texts = [headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining", "reset")]
        if all(text.isdecimal() for text in texts):
            limit, remaining, reset = map(int, texts)
            resource = headers.get("x-ratelimit-resource", CORE)
            with self._lock:
                self._told[payer, resource] = Budget(limit, remaining, float(reset))

    def of(self, payer: Payer, resource: str = CORE) -> Budget | None:
        """Return what is known of this hour's budget; None before the first answer."""
        with self._lock:
            budget = self._told.get((payer, resource))
        return budget if budget and budget.reset > self._clock() else None
