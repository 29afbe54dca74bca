"""Follows one kind of object: lists it once, then takes in each change; survives the server."""

import logging
import random
import threading
from collections.abc import Mapping
from typing import Protocol

from runs_fleet.errors import FleetError
from runs_fleet.providers.k8s.rest import Changes, Expired, Json, Rest

FIRST_WAIT, LONGEST_WAIT = 0.5, 15.0
# A watch that has ended is taken up where it was: short ones show a dead connection sooner.
WATCH_SECONDS = 45.0
PAUSE = 0.2

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Who takes in what is seen."""

    def replace(self, things: list[Json]) -> None:
        """All there is."""
        ...

    def note(self, thing: Json, *, gone: bool) -> None:
        """One thing as it is, or as it was before it went."""
        ...


class Reflector:
    """One path's objects; `run` belongs on a thread of its own, `stop` may come from any."""

    def __init__(self, rest: Rest, path: str, *, query: Mapping[str, str], sink: Sink) -> None:
        self._rest, self._path, self._query, self._sink = rest, path, query, sink
        self._version = ""
        self._stopped, self._listed = threading.Event(), threading.Event()
        self._changes: Changes | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Follow until stopped; a server that is away is waited for, each time a little longer."""
        wait = FIRST_WAIT
        while not self._stopped.is_set():
            try:
                self._turn()
                wait = FIRST_WAIT
                self._stopped.wait(PAUSE)
            except Expired:
                self._version = ""
            except FleetError as error:
                facts = {"path": self._path, "reason": str(error), "again_in": round(wait, 1)}
                log.warning("watch interrupted", extra=facts)
                self._stopped.wait(wait * random.uniform(0.5, 1.5))
                wait = min(2 * wait, LONGEST_WAIT)

    def listed(self, seconds: float) -> bool:
        """Wait until everything was seen once."""
        return self._listed.wait(seconds)

    def stop(self) -> None:
        """End it at once."""
        self._stopped.set()
        with self._lock:
            if self._changes is not None:
                self._changes.end()

    def _turn(self) -> None:
        """List if need be, then watch until the server has enough."""
        if not self._version:
            things, self._version = self._rest.items(self._path, **self._query)
            self._sink.replace(things)
            self._listed.set()
        changes = self._rest.watch(
            self._path, seconds=WATCH_SECONDS, resourceVersion=self._version, **self._query
        )
        with self._lock:
            self._changes = changes
        if self._stopped.is_set():
            changes.end()
        for kind, thing in changes:
            if kind != "BOOKMARK":
                self._sink.note(thing, gone=kind == "DELETED")
            self._version = thing["metadata"]["resourceVersion"]
