"""Values that one caller fetches while the others wait for the same answer."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from runs_fleet.errors import FleetError, Unavailable

LONGEST_FLIGHT = 60.0
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """A cache whose values are fetched once, however many threads ask at the same time.

    A failed fetch is everybody's failure, so that a GitHub that hangs is not asked by sixty
    threads one after the other; it is not remembered.
    """

    def __init__(self, fetch: Callable[[K], V], *, fresh: Callable[[V], bool]) -> None:
        self._fetch = fetch
        self._fresh = fresh
        self._lock = Lock()
        self._values: dict[K, V] = {}
        self._flights: dict[K, Future[V]] = {}

    def get(self, key: K) -> V:
        """Return a fresh value, from here or from the one fetch under way."""
        with self._lock:
            if key in self._values and self._fresh(self._values[key]):
                return self._values[key]
            flight = self._flights.get(key)
            if flight is None:
                mine = self._flights[key] = Future()
        return self._follow(flight) if flight else self._fly(key, mine)

    def drop(self, key: K, value: V) -> None:
        """Forget a value that turned out bad, unless somebody has already replaced it."""
        with self._lock:
            if self._values.get(key) is value:
                del self._values[key]

    def _follow(self, flight: "Future[V]") -> V:
        try:
            return flight.result(LONGEST_FLIGHT)
        except TimeoutError as error:
            raise Unavailable("the answer that several wait for does not come") from error

    def _fly(self, key: K, flight: "Future[V]") -> V:
        try:
            value = self._fetch(key)
        # Whatever it is, even the end of this thread's own activity, those who wait must hear
        # of it, or they wait for ever.
        except BaseException as error:
            with self._lock:
                del self._flights[key]
            flight.set_exception(_for_others(error))
            raise
        with self._lock:
            self._values[key] = value
            del self._flights[key]
        flight.set_result(value)
        return value


def _for_others(error: BaseException) -> FleetError:
    return error if isinstance(error, FleetError) else Unavailable("whoever asked was stopped")
