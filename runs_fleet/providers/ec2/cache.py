"""Answers that hold for a while: asked for once, by one thread, and renewed in the background."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from runs_fleet.errors import FleetError

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")
RETRY_AFTER = 60.0


class Cached(Generic[Answer]):
    """Hold what `load` returned for `ttl` seconds.

    The first reader waits for it, and so do those who come meanwhile. Later readers never wait:
    they get the old answer while one thread asks again, and keep it if that fails.
    """

    def __init__(
        self,
        load: Callable[[], Answer],
        *,
        ttl: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._ttl = ttl
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: tuple[Answer] | None = None
        self._stale_at = 0.0
        self._renewing = False

    def get(self) -> Answer:
        """Return the answer. Raises what `load` raises, only while there is no answer at all."""
        answer = self._answer or self._first()
        if self._claims_renewal():
            threading.Thread(target=self._renew, name="renew-cache", daemon=True).start()
        return answer[0]

    def _first(self) -> tuple[Answer]:
        with self._lock:
            if self._answer is None:
                self._keep(self._load())
            assert self._answer is not None
            return self._answer

    def _keep(self, answer: Answer) -> None:
        self._answer = (answer,)
        self._stale_at = self._clock() + self._ttl

    def _claims_renewal(self) -> bool:
        if self._clock() < self._stale_at:
            return False
        with self._lock:
            claimed = not self._renewing and self._clock() >= self._stale_at
            self._renewing = self._renewing or claimed
            return claimed

    def _renew(self) -> None:
        try:
            self._keep(self._load())
        except FleetError as error:
            self._stale_at = self._clock() + RETRY_AFTER
            log.warning("stale answer kept", extra={"error": str(error)})
        finally:
            self._renewing = False
