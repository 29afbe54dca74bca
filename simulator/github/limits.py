"""Rate limits: an hour's budgets per installation, and the secondary limits that guard GitHub."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from simulator.github.plans import Settings
from simulator.github.timers import Clock

HOUR, MINUTE = 3600, 60
DOCS = "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api"
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
OTHER_LIMITS = {"search": 30, "graphql": 5000, "integration_manifest": 5000, "scim": 15_000}


class Limited(Exception):
    """The answer is 403, with these headers."""

    def __init__(self, message: str, headers: dict[str, str], docs: str = DOCS) -> None:
        super().__init__(message)
        self.headers, self.docs = headers, docs


@dataclass
class Bucket:
    """One budget of one caller."""

    resource: str
    limit: int
    reset: float
    used: int = 0

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)

    @property
    def facts(self) -> dict[str, int]:
        """Tell the bucket as `GET /rate_limit` does."""
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": int(self.reset),
        }

    @property
    def headers(self) -> dict[str, str]:
        """Tell the bucket as every answer's headers do."""
        facts = {f"x-ratelimit-{name}": str(value) for name, value in self.facts.items()}
        return facts | {"x-ratelimit-resource": self.resource}


class Limits:
    """https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"""

    def __init__(self, clock: Clock) -> None:
        self.settings = Settings()
        self._clock = clock
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._points: dict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
        self._open: dict[str, int] = defaultdict(int)
        self._drained: dict[str, Bucket] = {}

    def bucket(self, caller: str, resource: str) -> Bucket:
        """Find a caller's budget; an hour after it was opened a new one begins."""
        now, key = self._clock(), (caller, resource)
        found = self._buckets.get(key)
        if found is None or found.reset <= now:
            found = self._fresh(resource)
            self._buckets[key] = found
        return found

    def _fresh(self, resource: str) -> Bucket:
        drained = self._drained.get(resource)
        if drained is not None and drained.reset > self._clock():
            return replace(drained)
        return Bucket(resource, self._limit(resource), self._clock() + HOUR)

    def drain(self, resource: str, *, remaining: int, reset_in: float) -> None:
        """Leave every caller only so much, until so many seconds from now."""
        limit, reset = self._limit(resource), self._clock() + reset_in
        self._drained[resource] = Bucket(resource, limit, reset, used=limit - remaining)
        self._buckets = {key: b for key, b in self._buckets.items() if key[1] != resource}

    def spend(self, caller: str, resource: str) -> Bucket:
        """Take one from a caller's budget. Raises Limited."""
        bucket = self.bucket(caller, resource)
        if bucket.remaining == 0:
            raise Limited(f"API rate limit exceeded for {caller}.", bucket.headers)
        bucket.used += 1
        return bucket

    @contextmanager
    def guarded(self, caller: str, method: str, endpoint: str) -> Iterator[None]:
        """Hold one of a caller's concurrent calls and its points. Raises Limited."""
        points, cost = self._recent(caller, endpoint), 1 if method == "GET" else 5
        spent = sum(cost for _, cost in points) + cost
        crowded = self._open[caller] >= self.settings.secondary_concurrency
        if crowded or spent > self.settings.secondary_points:
            docs = f"{DOCS}#about-secondary-rate-limits"
            raise Limited(SECONDARY, {"retry-after": str(MINUTE)}, docs)
        points.append((self._clock(), cost))
        self._open[caller] += 1
        try:
            yield
        finally:
            self._open[caller] -= 1

    def _recent(self, caller: str, endpoint: str) -> list[tuple[float, int]]:
        horizon = self._clock() - MINUTE
        kept = [(at, cost) for at, cost in self._points[caller, endpoint] if at > horizon]
        self._points[caller, endpoint] = kept
        return kept

    def _limit(self, resource: str) -> int:
        if resource == "actions_runner_registration":
            return self.settings.registration_limit
        return OTHER_LIMITS.get(resource, self.settings.core_limit)
