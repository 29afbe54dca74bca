"""One watch of the fleet's pods and Jobs for each worker, of which one at a time has news.

https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from kubernetes.client import ApiClient

from runs_fleet.errors import FleetError
from runs_fleet.ports import MachineNews
from runs_fleet.providers.k8s import marks
from runs_fleet.providers.k8s.findings import Findings, Kind
from runs_fleet.providers.k8s.lease import DURATION, Lease
from runs_fleet.providers.k8s.reflector import Reflector
from runs_fleet.providers.k8s.rest import Json, Rest

LOOK = 0.5
# One holds the Lease, three follow; those of the last term may not have ended yet.
THREADS = 8
# A server that is away may keep a thread for longer.
CLOSED_WITHIN = 10.0
RENEWALS = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Feed:
    """Brings what one reflector sees to the findings."""

    findings: Findings
    kind: Kind

    def replace(self, things: list[Json]) -> None:
        self.findings.replace(self.kind, things)

    def note(self, thing: Json, *, gone: bool) -> None:
        self.findings.note(self.kind, thing, gone=gone)


class _Term:
    """What the holder of the Lease does, from when it has it until it has it no more."""

    def __init__(self, rest: Rest, namespace: str, selector: str, findings: Findings) -> None:
        self.findings = findings
        core, batch = f"/api/v1/namespaces/{namespace}", f"/apis/batch/v1/namespaces/{namespace}"
        ours = {"labelSelector": selector}

        def follow(kind: Kind, path: str, query: dict[str, str]) -> Reflector:
            return Reflector(rest, path, query=query, sink=_Feed(self.findings, kind))

        self._jobs = follow("jobs", f"{batch}/jobs", ours)
        self._pods = follow("pods", f"{core}/pods", ours)
        # A Job that may not make its pod says so in an Event only.
        self._warnings = follow("warnings", f"{core}/events", {"fieldSelector": "type=Warning"})
        self._ended = threading.Event()

    def begin(self, threads: ThreadPoolExecutor) -> list[Future[None]]:
        """Follow everything."""
        runs = (self._jobs.run, self._pods.run, self._warn)
        return [threads.submit(run) for run in runs]

    def end(self) -> None:
        """Follow no more."""
        self._ended.set()
        for reflector in (self._jobs, self._pods, self._warnings):
            reflector.stop()

    def _warn(self) -> None:
        """Follow warnings, once it is known which Jobs are ours."""
        while not self._ended.is_set():
            if self._jobs.listed(LOOK):
                return self._warnings.run()


class K8sWatch:
    """The MachineWatch port. Its first `read` joins the watch; `close` leaves it.

    `clock` tells how long things last. Up to four connections are in use at a time.
    Whoever takes over lists anew, so what one worker had seen and not told is not lost; a pod that
    went in between is found by the sweep.
    """

    def __init__(
        self,
        client: ApiClient,
        namespace: str,
        *,
        fleet: str,
        lease_seconds: float = DURATION,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rest, self._namespace = Rest(client), namespace
        self._selector = f"{marks.FLEET}={fleet},{marks.RUNNER}"
        name, identity = f"runs-fleet-{fleet}-watch", f"runs-fleet-{uuid.uuid4().hex}"
        self._lease = Lease(self._rest, namespace, name, identity=identity, duration=lease_seconds)
        self._threads = ThreadPoolExecutor(THREADS, "watch")
        self._clock = clock
        self._running = list[Future[None]]()
        self._term: _Term | None = None
        self._closed = threading.Event()

    def read(self) -> list[MachineNews]:
        """Wait a moment for news; an empty list as long as another worker has them."""
        if not self._running and not self._closed.is_set():
            self._running.append(self._threads.submit(self._lead))
        self._closed.wait(LOOK)
        self._raise_what_broke(self._running)
        term = self._term
        return term.findings.due() if term is not None and self._lease.held else []

    def close(self) -> None:
        """End the threads, and let the next worker take over at once."""
        self._closed.set()
        wait(self._running, CLOSED_WITHIN)
        self._threads.shutdown(wait=False)

    def _lead(self) -> None:
        """Hold the Lease while possible; follow as long as it is held."""
        pause = self._lease.duration / RENEWALS
        while not self._closed.is_set():
            self._renew()
            if self._lease.held and self._term is None:
                self._begin()
            elif not self._lease.held and self._term is not None:
                self._end()
            self._closed.wait(pause)
        self._end()
        self._lease.release()

    def _renew(self) -> None:
        try:
            self._lease.renew()
        except FleetError as error:
            log.warning("lease not renewed", extra={"reason": str(error)})

    def _begin(self) -> None:
        log.info("watching machines", extra={"namespace": self._namespace})
        findings = Findings(clock=self._clock)
        self._term = _Term(self._rest, self._namespace, self._selector, findings)
        self._running += self._term.begin(self._threads)

    def _end(self) -> None:
        if self._term is not None:
            log.info("not watching machines any more", extra={"namespace": self._namespace})
            self._term.end()
            self._term = None
            self._running = [each for each in self._running if not each.done()]

    def _raise_what_broke(self, running: Sequence[Future[None]]) -> None:
        for each in running:
            if each.done():
                each.result()
