"""What all pods of a simulated cluster share: the API, the processes, and the levers."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeVar

from simulator.kube import mounts, status
from simulator.kube.api import Api, ApiAway, ApiError, Json
from simulator.kube.containers import Runtime
from simulator.kube.plans import Manners

NOT_FOUND, CONFLICT, TOO_MANY, SERVER_ERROR = 404, 409, 429, 500
RETRY_LEAST, RETRY_MOST = 0.1, 2.0
WRITERS = 8

T = TypeVar("T")
log = logging.getLogger(__name__)


class NoSuchPod(Exception):
    """The pod is not there any more, or another one bears its name."""


@dataclass(frozen=True)
class Stall:
    """Keeps containers from starting: those of an image, or of a pod, that match a pattern."""

    pattern: str
    reason: str
    message: str


class Site:
    """Calls to the API run in a few threads, all else in the loop's."""

    def __init__(self, api: Api, *, home: Path, manners: Manners, runtime: Runtime) -> None:
        self.home = home
        self.manners = manners
        self.runtime = runtime
        self.stalls: list[Stall] = []
        self.kept: set[asyncio.Task[None]] = set()
        self._api = api
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="kubelet")
        self._random = random.Random(1)

    async def call(self, ask: Callable[[], T]) -> T:
        """Ask in a thread, again and again while nobody answers. Raises what it refuses."""
        pause = RETRY_LEAST
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
            except ApiAway as trouble:
                log.debug("API server away", extra={"reason": str(trouble)})
            except ApiError as trouble:
                if trouble.status < SERVER_ERROR and trouble.status != TOO_MANY:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST)

    def keep(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start work that is finished even if nobody waits for it any more."""
        task = asyncio.get_running_loop().create_task(work)
        self.kept.add(task)
        task.add_done_callback(self._finished)
        return task

    async def end_all(self) -> None:
        """Cancel everything that was kept; a pod that is being ended takes more than one word."""
        while self.kept:
            for task in self.kept:
                task.cancel()
            await asyncio.sleep(0.01)

    def fetch(self, pod: Json) -> mounts.Fetch:
        """Read Secrets and ConfigMaps for a pod; for threads."""

        def read(kind: str, name: str) -> Json:
            try:
                return self._api.get(f"/api/v1/namespaces/{_space(pod)}/{kind}/{name}")
            except ApiError as error:
                if error.status == NOT_FOUND:
                    raise mounts.Missing(f'{kind[:-1]} "{name}" not found') from error
                raise

        return read

    async def write_status(self, pod: Json, said: Json) -> None:
        """Write a pod's status. Raises NoSuchPod."""
        patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": said}
        await self._on_pod(lambda: self._api.patch(f"{path(pod)}/status", patch))

    async def remove(self, pod: Json) -> None:
        """Take a pod out of the API; already gone is fine."""
        try:
            await self._on_pod(lambda: self._api.delete(path(pod), _at_once(pod)))
        except NoSuchPod:
            log.debug("pod was gone", extra={"pod": pod["metadata"]["name"]})

    async def tell(self, pod: Json, reason: str, message: str) -> None:
        """Write an event about a pod."""
        where = f"/api/v1/namespaces/{_space(pod)}/events"
        await self._on_pod(lambda: self._api.post(where, _event(pod, reason, message)))

    def stall(self, pod: Json, image: str) -> Json | None:
        """Tell what keeps a container from starting, as its state."""
        name = pod["metadata"]["name"]
        for one in self.stalls:
            if fnmatchcase(image, one.pattern) or fnmatchcase(name, one.pattern):
                return status.waiting(one.reason, one.message)
        return None

    def is_mute(self) -> bool:
        """Draw whether an agent that starts never says a word."""
        if self.manners.mute > 0:
            self.manners.mute -= 1
            return True
        return False

    def boot_time(self) -> float:
        """Draw how long it takes until a container starts."""
        spread = self._random.uniform(-1, 1) * self.manners.boot_spread
        return max(self.manners.boot_seconds + spread, 0.0)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self.kept.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a pod's life broke off", exc_info=error)

    async def _on_pod(self, ask: Callable[[], Json]) -> None:
        try:
            await self.call(ask)
        except ApiError as error:
            if error.status in (NOT_FOUND, CONFLICT):
                raise NoSuchPod from error
            raise


def path(pod: Json) -> str:
    """Where a pod is in the API."""
    return f"/api/v1/namespaces/{_space(pod)}/pods/{pod['metadata']['name']}"


def _space(pod: Json) -> str:
    return str(pod["metadata"]["namespace"])


def _at_once(pod: Json) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "preconditions": {"uid": pod["metadata"]["uid"]},
    }


def _event(pod: Json, reason: str, message: str) -> Json:
    metadata, now = pod["metadata"], status.now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "reason": reason,
        "message": message,
        "type": "Warning",
        "source": {"component": "kubelet", "host": pod["spec"]["nodeName"]},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
