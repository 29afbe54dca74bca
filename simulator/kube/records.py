"""The books of the nodes: what became of each pod, for whoever checks the product from outside."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from simulator.kube.api import Json

RUNNER = "runs-fleet.io/runner"
JOB = "batch.kubernetes.io/job-name"
BEGAN, OVER = "Running job: ", " completed with result: "


@dataclass(frozen=True)
class PodRecord:
    """One pod that was bound to a node.

    `times` are Unix times by what happened: bound, mounted, running, struck, ended, gone. `cause`
    is empty while the pod lives; then Completed, Error, or what has struck it from outside:
    Deleted, Vanished, Evicted, OOMKilled, DeadlineExceeded or NodeLost. `busy` says whether a job
    ran at that moment. `claims` are the volume claims that it mounts.
    """

    namespace: str
    name: str
    uid: str
    node: str
    labels: Mapping[str, str]
    home: Path
    times: Mapping[str, float] = field(default_factory=dict)
    agent_pid: int | None = None
    exit_code: int | None = None
    cause: str = ""
    busy: bool = False
    claims: tuple[str, ...] = ()

    @property
    def runner(self) -> str:
        """Whose pod it is."""
        return self.labels.get(RUNNER, "")

    @property
    def job(self) -> str:
        """The Job that made it."""
        return self.labels.get(JOB, "")

    @property
    def alive(self) -> bool:
        """Whether its processes may still run."""
        return "ended" not in self.times

    def log(self, container: str) -> str:
        """Read what a container has printed."""
        path = self.home / container / "agent.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Book:
    """The record of one pod, as it is written."""

    def __init__(self, pod: Json, home: Path) -> None:
        metadata = pod["metadata"]
        self._record = PodRecord(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            node=pod["spec"]["nodeName"],
            labels=metadata.get("labels", {}),
            home=home,
            claims=tuple(_claims(pod)),
        )
        self.note("bound")

    @property
    def record(self) -> PodRecord:
        """What is known so far."""
        return self._record

    def note(self, what: str) -> None:
        """Write down when something happened first."""
        if what not in self._record.times:
            times = {**self._record.times, what: time.time()}
            self._record = replace(self._record, times=times)

    def started(self, pid: int) -> None:
        """Write down the process of the main container."""
        self._record = replace(self._record, agent_pid=pid)

    def struck(self, cause: str, container: str) -> None:
        """Write down what ends the pod from outside, and whether a job runs; the first counts."""
        if self._record.cause or not self._record.alive:
            return
        log = self._record.log(container)
        busy = log.count(BEGAN) > log.count(OVER)
        self._record = replace(self._record, cause=cause, busy=busy)
        self.note("struck")

    def ended(self, code: int | None) -> None:
        """Write down the end of the main container."""
        cause = self._record.cause or ("Completed" if code == 0 else "Error")
        self._record = replace(self._record, exit_code=code, cause=cause)
        self.note("ended")


def _claims(pod: Json) -> Iterator[str]:
    for volume in pod["spec"].get("volumes", []):
        if claim := volume.get("persistentVolumeClaim"):
            yield claim["claimName"]
