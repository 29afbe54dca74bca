"""One watch of all pods that have a node: it resumes, and lists again when it is too late to."""

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from simulator.kube.api import Api, ApiAway, ApiError, Gone, Json, Watch

BOUND = "spec.nodeName!="
WATCH_SECONDS = "300"
PAUSE_LEAST, PAUSE_MOST = 0.1, 1.0

log = logging.getLogger(__name__)


class PodWatch:
    """Calls `on_list` with all pods whenever it lists, `on_event` with each change after that."""

    def __init__(
        self,
        api: Api,
        path: str,
        *,
        on_list: Callable[[list[Json]], None],
        on_event: Callable[[str, Json], None],
    ) -> None:
        self.listed = threading.Event()
        self._api = api
        self._path = path
        self._on_list = on_list
        self._on_event = on_event
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running: Watch | None = None
        self._version = ""
        self._thread = threading.Thread(target=self._run, name="pod watch", daemon=True)

    def start(self) -> None:
        """Watch in a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching, and wait for the thread."""
        with self._lock:
            self._stop.set()
            if self._running is not None:
                self._running.interrupt()
        self._thread.join()

    def _run(self) -> None:
        pause = PAUSE_LEAST
        while not self._stop.is_set():
            try:
                self._look()
                pause = PAUSE_LEAST
            except Gone:
                self._version = ""
            except (ApiAway, ApiError) as trouble:
                log.debug("watch broke", extra={"reason": str(trouble)})
                self._stop.wait(pause)
                pause = min(pause * 2, PAUSE_MOST)

    def _look(self) -> None:
        if not self._version:
            found = self._api.get(self._path, fieldSelector=BOUND)
            self._on_list(found["items"])
            self._version = found["metadata"]["resourceVersion"]
            self.listed.set()
        watch = self._api.watch(
            self._path,
            fieldSelector=BOUND,
            resourceVersion=self._version,
            timeoutSeconds=WATCH_SECONDS,
        )
        with closing(watch):
            with self._lock:
                if self._stop.is_set():
                    return
                self._running = watch
            try:
                self._follow(watch)
            finally:
                with self._lock:
                    self._running = None

    def _follow(self, watch: Watch) -> None:
        for event in watch:
            self._version = event["object"]["metadata"]["resourceVersion"]
            if event["type"] != "BOOKMARK":
                self._on_event(event["type"], event["object"])
