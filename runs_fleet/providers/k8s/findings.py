"""What is to be told of each machine: once, and only what lasts; no I/O.

Pods, Jobs and warnings arrive in any order; only together they tell whether an end is trouble,
or what we have brought about ourselves.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from runs_fleet.ports import MachineNews
from runs_fleet.providers.k8s import trouble
from runs_fleet.providers.k8s.trouble import Object, Sign

Kind = Literal["pods", "jobs", "warnings"]
MOST = 20_000

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Machine:
    """A Job and its pod; `since` says how long each sign has lasted, `told` which were told."""

    pod: Object | None = None
    pod_signs: list[Sign] = field(default_factory=list)
    job_signs: list[Sign] = field(default_factory=list)
    warning: Sign | None = None
    has_pod: bool = False
    has_job: bool = False
    since: dict[str, float] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether nothing is left that could be told of."""
        return not self.has_pod and not self.has_job and not self.untold

    @property
    def untold(self) -> list[Sign]:
        """What may be told; after its end nothing more is told of a machine."""
        if any(key.startswith("gone") for key in self.told):
            return []
        return [sign for sign in self._signs() if sign.key not in self.told]

    def _signs(self) -> list[Sign]:
        if any(sign.event.cause == trouble.DEADLINE_EXCEEDED for sign in self.job_signs):
            return self.job_signs
        if self.pod is None:
            return [*self.job_signs, *self._warnings()]
        if self._removed():
            return []
        return self.pod_signs or self._warnings()

    def _warnings(self) -> list[Sign]:
        """A warning holds while there is a Job, and no pod that has got over it."""
        pending = self.pod is None or self.pod.get("status", {}).get("phase") == "Pending"
        return [self.warning] if self.warning and self.has_job and pending else []

    def _removed(self) -> bool:
        """Whether it ended well and was then taken away: that is how it should be."""
        ended_well = any(sign.event.cause == trouble.COMPLETED for sign in self.pod_signs)
        return ended_well and not self.has_job

    def due(self, now: float) -> list[Sign]:
        """List what has lasted long enough, and note it as told."""
        signs = {sign.key: sign for sign in self.untold}
        self.since = {key: self.since.get(key, now) for key in signs}
        ripe = [sign for key, sign in signs.items() if now - self.since[key] >= sign.lasting]
        self.told |= {sign.key for sign in ripe}
        return ripe


class Findings:
    """All machines that are watched; safe to be used by several threads."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
        most: int = MOST,
    ) -> None:
        self._clock, self._now, self._most = clock, now, most
        self._machines: dict[str, _Machine] = {}
        # Those of which something may be told: mostly few, while machines are many.
        self._open: dict[str, None] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._machines)

    def note(self, kind: Kind, thing: Object, *, gone: bool = False) -> None:
        """Take in one thing as it is, or as it was before it went."""
        with self._lock:
            self._note(kind, thing, gone=gone)

    def replace(self, kind: Kind, things: Iterable[Object]) -> None:
        """Take in all there is of a kind; what is missing has gone unseen."""
        with self._lock:
            seen = {self._note(kind, thing, gone=False) for thing in things}
            for name in [name for name in self._machines if name not in seen]:
                self._miss(kind, name)

    def due(self) -> list[MachineNews]:
        """Take what is to be told by this moment; each is given once."""
        news = list[MachineNews]()
        with self._lock:
            moment = self._clock()
            for name in list(self._open):
                machine = self._machines[name]
                news += [MachineNews(sign.event, sign.routine) for sign in machine.due(moment)]
                self._settle(name, machine)
        return news

    def clear(self) -> None:
        """Forget everything: somebody else tells from here on."""
        with self._lock:
            self._machines.clear()
            self._open.clear()

    def _note(self, kind: Kind, thing: Object, *, gone: bool) -> str:
        if kind == "warnings":
            return self._warn(thing, gone=gone)
        name = trouble.runner_of(thing)
        if not name:
            return ""
        machine = self._machine(name)
        if kind == "jobs":
            machine.has_job, machine.job_signs = not gone, trouble.of_job(thing, self._now())
        else:
            # What it is made of is most of a pod, and says nothing of how it fares.
            machine.pod = {"metadata": thing["metadata"], "status": thing.get("status", {})}
            machine.has_pod = not gone
            machine.pod_signs = self._read(thing, gone=gone)
        self._settle(name, machine)
        return name

    def _read(self, pod: Object, *, gone: bool) -> list[Sign]:
        now = self._now()
        return [trouble.vanished(pod, now)] if gone else trouble.of_pod(pod, now)

    def _warn(self, thing: Object, *, gone: bool) -> str:
        sign = None if gone else trouble.of_warning(thing, self._now())
        if sign is None:
            return ""
        name = sign.event.runner
        machine = self._machine(name)
        machine.warning = sign
        self._settle(name, machine)
        return name

    def _miss(self, kind: Kind, name: str) -> None:
        machine = self._machines[name]
        if kind == "jobs":
            machine.has_job = False
        elif kind == "pods" and machine.has_pod and machine.pod is not None:
            machine.has_pod, machine.pod_signs = False, self._read(machine.pod, gone=True)
        self._settle(name, machine)

    def _machine(self, name: str) -> _Machine:
        if name not in self._machines and len(self._machines) >= self._most:
            forgotten = next(iter(self._machines))
            log.warning("too many machines to watch", extra={"forgotten": forgotten})
            self._forget(forgotten)
        return self._machines.setdefault(name, _Machine())

    def _settle(self, name: str, machine: _Machine) -> None:
        """Note whether anything may be told of a machine; forget one that is over."""
        if machine.over:
            self._forget(name)
        elif machine.untold:
            self._open[name] = None
        else:
            self._open.pop(name, None)

    def _forget(self, name: str) -> None:
        self._machines.pop(name, None)
        self._open.pop(name, None)
