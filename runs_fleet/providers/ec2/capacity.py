"""Which ways to buy a machine were sold out a moment ago."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from runs_fleet.models import Market

REMEMBERED_FOR = 180.0


class Offer(NamedTuple):
    """One pool of EC2's capacity: it is full or not by itself."""

    market: Market
    type_name: str
    zone: str


class SoldOut:
    """Remember offers without capacity for three minutes, in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Offer, float] = {}

    def note(self, offers: Iterable[Offer]) -> None:
        """Remember that these answered a capacity error just now."""
        now = self._clock()
        with self._lock:
            self._until = {offer: until for offer, until in self._until.items() if until > now}
            self._until |= dict.fromkeys(offers, now + REMEMBERED_FOR)

    def offers(self) -> frozenset[Offer]:
        """Return what is not worth asking for yet."""
        now = self._clock()
        with self._lock:
            return frozenset(offer for offer, until in self._until.items() if until > now)
