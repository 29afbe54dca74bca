"""GitHub, a cloud and its machines for one job: kept in memory, each call of which may go wrong."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from runs_fleet.errors import (
    FleetError,
    NameTaken,
    NoCapacity,
    RateLimited,
    RunnerBusy,
    Unavailable,
)
from runs_fleet.models import (
    JobEvent,
    Machine,
    MachineOrder,
    MachineStatus,
    Phase,
    Registration,
    Scope,
)
from runs_fleet.ports import JitRunner, RunnerConfig

Fault = Literal["none", "before", "after", "full", "limited"]
# What a call says instead of taking effect; `after` takes effect, and its answer gets lost.
INSTEAD: dict[Fault, FleetError] = {
    "before": Unavailable("HTTP 502"),
    "full": NoCapacity("no capacity"),
    "limited": RateLimited("HTTP 429", after=0.05),
}


@dataclass
class Host:
    """One machine; `serving` is the job that its runner works."""

    machine: Machine
    runner: str
    alive: bool = True
    taken: bool = False
    online: bool = False
    booted: bool = False
    serving: int | None = None


@dataclass
class Site:
    """All ports of one job's world; `violations` is what must never happen."""

    job_id: int
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    hosts: list[Host] = field(default_factory=list)
    tokens: dict[str, Host] = field(default_factory=dict)
    configs: dict[str, RunnerConfig] = field(default_factory=dict)
    registered: dict[str, int] = field(default_factory=dict)
    minted: int = 0
    phase: Phase = "queued"
    conclusion: str | None = None
    runner: str | None = None
    reruns: int = 0
    commanded: bool = False
    violations: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def spoil(self, faults: Iterable[tuple[str, Fault]]) -> None:
        """Let the next calls of these ports go wrong, one fault a call."""
        for port, fault in faults:
            self.faults[port].append(fault)

    def heal(self) -> None:
        """Let everything work from here on."""
        with self.lock:
            self.faults.clear()

    @contextmanager
    def _call(self, port: str, *, repeated: bool = False) -> Iterator[None]:
        """Spoil a call, perhaps; a repeated order is found again, however full the cloud is."""
        with self.lock:
            waiting = self.faults.get(port)
            fault: Fault = waiting.popleft() if waiting else "none"
            if repeated and fault == "full":
                fault = "none"
            if fault in INSTEAD:
                raise INSTEAD[fault]
            yield
            if fault == "after":
                raise Unavailable("the answer was lost")

    # The provider.

    def create(self, order: MachineOrder) -> Machine:
        with self._call("create", repeated=order.token in self.tokens):
            if order.token not in self.tokens:
                machine = Machine(machine_id=f"i-{len(self.hosts)}", market=order.rung.market)
                self.tokens[order.token] = Host(machine, order.runner)
                self.hosts.append(self.tokens[order.token])
                self._note_twins(order.runner)
            return self.tokens[order.token].machine

    def _note_twins(self, runner: str) -> None:
        if sum(host.alive for host in self.hosts if host.runner == runner) > 1:
            self.violations.append(f"{runner} has two machines")

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        with self._call("terminate"):
            mine = [host for host in self.hosts if host.runner == runner]
            for host in mine:
                self._guard(host)
                host.alive = host.online = False
            return bool(mine)

    def _guard(self, host: Host) -> None:
        """Nobody can give a runner a job whose machine is taken away, and nobody has."""
        own = host.serving in (None, self.job_id)
        if not host.alive or (self.commanded and own):
            return
        if host.serving is not None:
            self.violations.append(f"{host.runner} was killed while it worked {host.serving}")
        if host.online and host.runner in self.registered:
            self.violations.append(f"{host.runner} was killed while GitHub could use it")

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        raise NotImplementedError("lifecycles look for runners by name")

    def find(self, runner: str) -> list[MachineStatus]:
        with self._call("find"):
            return [_status(host) for host in self.hosts if host.runner == runner]

    # The config store.

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        with self._call("store"):
            self.configs[machine_id] = config

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        with self._call("fetch"):
            return self.configs.get(machine_id)

    def delete(self, machine_id: str) -> None:
        with self._call("delete"):
            self.configs.pop(machine_id, None)

    # GitHub.

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        with self._call("mint"):
            if runner in self.registered:
                raise NameTaken(runner)
            self.minted += 1
            self.registered[runner] = self.minted
            return JitRunner(self.minted, runner, str(self.minted))

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        with self._call("find_runner"):
            if runner not in self.registered:
                return None
            online = any(host.online for host in self.hosts if host.runner == runner)
            return Registration(
                runner_id=self.registered[runner],
                runner=runner,
                online=online,
                busy=self._busy(runner),
            )

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        with self._call("delete_runner"):
            for name in [name for name, known in self.registered.items() if known == runner_id]:
                if self._busy(name):
                    raise RunnerBusy(name)
                del self.registered[name]

    def _busy(self, runner: str) -> bool:
        return any(host.serving is not None for host in self.hosts if host.runner == runner)

    def job(self, scope: Scope, job_id: int) -> JobEvent:
        with self._call("job"):
            return self.says(source="rest")

    def rerun_job(self, scope: Scope, job_id: int, *, asked: bool = False) -> None:
        with self._call("rerun_job"):
            self.reruns += not (asked and self.reruns)

    def says(self, *, source: Literal["webhook", "rest"] = "webhook") -> JobEvent:
        """What GitHub says of the job."""
        return JobEvent(
            job_id=self.job_id,
            phase=self.phase,
            conclusion=self.conclusion,
            runner_name=self.runner,
            at=datetime.now(UTC),
            source=source,
        )

    @property
    def left(self) -> list[str]:
        """What would be paid for, or could be used by others, after the end."""
        machines = [host.machine.machine_id for host in self.hosts if host.alive]
        return [*machines, *self.configs, *(name for name in self.registered)]


def _status(host: Host) -> MachineStatus:
    state: Literal["running", "gone"] = "running" if host.alive else "gone"
    return MachineStatus(machine_id=host.machine.machine_id, state=state, taken=host.taken)
