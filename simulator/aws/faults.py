"""Faults that were ordered, and throttle buckets."""

import time
from collections.abc import Iterable
from threading import Lock

from simulator.aws.errors import AwsError
from simulator.aws.models import Fault, Throttle

EC2_THROTTLED = "RequestLimitExceeded"


class Faults:
    """Hands out ordered faults, first come first served, and keeps the buckets."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[Fault] = []
        self._buckets: dict[str, _Bucket] = {}
        self._away: frozenset[str] = frozenset()

    def order(self, fault: Fault) -> None:
        """Let a fault befall the next calls of its action."""
        with self._lock:
            self._waiting.append(fault.model_copy())

    def throttle(self, rule: Throttle) -> None:
        """Give an action a bucket, full; a new rule replaces the old one."""
        with self._lock:
            self._buckets[rule.action] = _Bucket(rule)

    def cut_off(self, services: Iterable[str]) -> None:
        """Let nobody reach these services, and everybody the others."""
        self._away = frozenset(services)

    def away(self, service: str) -> bool:
        """Tell whether a service cannot be reached."""
        return service in self._away

    def clear(self) -> None:
        """Forget what was ordered, and every bucket; bring back what was away."""
        self._away = frozenset()
        with self._lock:
            self._waiting.clear()
            self._buckets.clear()

    def take(self, action: str) -> Fault | None:
        """Return the fault that befalls this call, if any."""
        with self._lock:
            fault = next((f for f in self._waiting if f.action in ("*", action)), None)
            if fault is not None:
                fault.times -= 1
                self._waiting = [f for f in self._waiting if f.times > 0]
            return fault

    def check(self, action: str, *, service: str) -> None:
        """Take a token from the action's bucket, or refuse as AWS does."""
        with self._lock:
            bucket = self._buckets.get(action)
            if bucket is None or bucket.take():
                return
        if service == "ec2":
            raise AwsError(EC2_THROTTLED, "Request limit exceeded.", status=503)
        raise AwsError("ThrottlingException", "Rate exceeded")


class _Bucket:
    def __init__(self, rule: Throttle) -> None:
        self._rule = rule
        self._level = float(rule.burst)
        self._at = time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        grown = self._level + (now - self._at) * self._rule.refill
        self._level = min(float(self._rule.burst), grown)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
