"""Ports kept in memory, with levers: what a lifecycle needs of the world, made to misbehave."""

import itertools
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from runs_fleet.errors import FleetError, NameTaken, NoCapacity, NotThere, RunnerBusy, Unavailable
from runs_fleet.models import (
    JobEvent,
    Machine,
    MachineOrder,
    MachineStatus,
    Market,
    Registration,
    Scope,
)
from runs_fleet.notices import Notice, Way
from runs_fleet.ports import JitRunner, RunnerConfig


class MemoryProvider:
    """Machines by token; `full` markets have no capacity, `gate` holds creates until it is set."""

    def __init__(self) -> None:
        self.orders: list[MachineOrder] = []
        self.made: dict[str, Machine] = {}
        self.owners: dict[str, str] = {}
        # Creates run side by side: a count of what is there may be read twice.
        self._numbers = itertools.count()
        self.gone: list[str] = []
        self.full: set[Market] = set()
        self.errors: deque[FleetError] = deque()
        self.taken: set[str] = set()
        self.lose_answers = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def create(self, order: MachineOrder) -> Machine:
        self.orders.append(order)
        self.entered.set()
        assert self.gate.wait(20), "the test never opened the gate"
        if self.errors:
            raise self.errors.popleft()
        if order.rung.market in self.full:
            raise NoCapacity(f"no {order.rung.market}")
        machine = self._machine(order)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("the answer was lost")
        return machine

    def _machine(self, order: MachineOrder) -> Machine:
        if order.token not in self.made:
            machine_id = f"i-{next(self._numbers):04}"
            made = Machine(
                machine_id=machine_id, machine_type="c7g.xlarge", market=order.rung.market
            )
            self.made[order.token] = made
            self.owners[machine_id] = order.runner
        return self.made[order.token]

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        mine = [made for made, owner in list(self.owners.items()) if owner == runner]
        self.gone += [made for made in mine if made not in self.gone]
        return bool(mine)

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        return [
            MachineStatus(
                machine_id=made, state="gone" if made in self.gone else "running", runner=owner
            )
            for made, owner in list(self.owners.items())
            if made in machine_ids
        ]

    def find(self, runner: str) -> list[MachineStatus]:
        mine = [made for made, owner in list(self.owners.items()) if owner == runner]
        return [
            each.model_copy(update={"taken": each.machine_id in self.taken})
            for each in self.describe(mine)
        ]

    @property
    def alive(self) -> list[str]:
        """The machines that would still be paid for."""
        return [made for made in list(self.owners) if made not in self.gone]


class MemoryConfigs:
    """Configs by machine id."""

    def __init__(self) -> None:
        self.held: dict[str, RunnerConfig] = {}

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        self.held[machine_id] = config

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        return self.held.get(machine_id)

    def of(self, runner: str) -> str | None:
        """Find the machine whose config is this runner's."""
        found = (key for key, config in list(self.held.items()) if config.runner == runner)
        return next(found, None)

    def delete(self, machine_id: str) -> None:
        self.held.pop(machine_id, None)


@dataclass
class MemoryNotices:
    """Notices in the order in which they were posted; each queued error spoils one try."""

    posted: list[Notice] = field(default_factory=list)
    errors: deque[FleetError] = field(default_factory=deque)
    by: Way = "check_run"

    def post(self, notice: Notice) -> Way:
        if self.errors:
            raise self.errors.popleft()
        self.posted.append(notice)
        return self.by


@dataclass
class MemoryGitHub:
    """Registrations by name, job facts by id; `busy` names cannot be deleted."""

    notices: MemoryNotices = field(default_factory=MemoryNotices)
    runners: dict[str, Registration] = field(default_factory=dict)
    jobs: dict[int, JobEvent] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    mint_errors: deque[FleetError] = field(default_factory=deque)
    lose_mint_answers: int = 0
    all_forgotten: bool = False
    all_over: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    minting: threading.Event = field(default_factory=threading.Event)
    minted: list[str] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    reruns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self.gate.set()

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        self.minting.set()
        assert self.gate.wait(20), "the test never opened the gate"
        if self.mint_errors:
            raise self.mint_errors.popleft()
        if runner in self.runners:
            raise NameTaken(runner)
        made = Registration(runner_id=next(self._numbers), runner=runner)
        self.minted.append(runner)
        self.runners[runner] = made
        if self.lose_mint_answers:
            self.lose_mint_answers -= 1
            raise Unavailable("the answer was lost")
        return JitRunner(made.runner_id, runner, "the-secret-jit-config")

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        return self.runners.get(runner)

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        found = [name for name, made in list(self.runners.items()) if made.runner_id == runner_id]
        if self.busy.intersection(found):
            raise RunnerBusy(found[0])
        self.deleted.append(runner_id)
        for name in found:
            del self.runners[name]

    def job(self, scope: Scope, job_id: int) -> JobEvent:
        self.asked.append(job_id)
        if self.all_forgotten or job_id not in self.jobs:
            raise NotThere(f"job {job_id}")
        over = {"phase": "completed", "conclusion": "success"}
        return self.jobs[job_id].model_copy(update=over if self.all_over else {})

    def rerun_job(self, scope: Scope, job_id: int, *, asked: bool = False) -> None:
        if not (asked and job_id in self.reruns):
            self.reruns.append(job_id)

    def forget(self, runner: str) -> None:
        """Deregister, as GitHub does with an ephemeral runner that ran its job."""
        self.busy.discard(runner)
        self.runners.pop(runner, None)

    def set_job(self, job_id: int, event: JobEvent | None = None) -> None:
        """Decide what a look-up of this job answers; queued unless said otherwise."""
        queued = JobEvent(job_id=job_id, phase="queued", at=datetime.now(UTC), source="rest")
        self.jobs[job_id] = event or queued
