"""A pool's cloud kept in memory, with levers."""

import itertools
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from runs_fleet.errors import FleetError
from runs_fleet.models import Machine, RunnerSpec
from runs_fleet.pools.wire import (
    MemberLaunched,
    MemberOrder,
    MemberStatus,
    PlaceholderFacts,
    PlaceholderOrder,
)


@dataclass
class WarmMachine:
    """One machine of a member."""

    order: MemberOrder
    machine_id: str
    made_at: datetime
    state: Literal["pending", "running", "stopping", "stopped", "gone"] = "running"
    runner: str = ""


@dataclass
class MemoryWarm:
    """The WarmMachines port; `gate` holds launches open, each queued error spoils one launch."""

    machines: dict[str, WarmMachine] = field(default_factory=dict)
    orders: list[MemberOrder] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    errors: deque[FleetError] = field(default_factory=deque)
    gate: threading.Event = field(default_factory=threading.Event)
    refuses_to_start: FleetError | None = None
    image: str = "lt-1:1"
    most: int = 0

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self.gate.set()

    def launch(self, order: MemberOrder) -> MemberLaunched:
        self.orders.append(order)
        assert self.gate.wait(60), "the test never opened the gate"
        if self.errors:
            raise self.errors.popleft()
        with self._lock:
            if order.member not in self.machines:
                machine_id = f"i-{next(self._numbers):04}"
                made = WarmMachine(order, machine_id, datetime.now(UTC))
                self.machines[order.member] = made
                self.most = max(self.most, len(self.alive))
            machine = self._machine(self.machines[order.member])
        return MemberLaunched(machine=machine, wake=f"queue-{machine.machine_id}")

    def take(self, machine_id: str, *, runner: str, start: bool, repo: str = "") -> None:
        if start and self.refuses_to_start is not None:
            raise self.refuses_to_start
        self.taken.append(machine_id)
        made = self._of(machine_id)
        made.runner = runner
        made.state = "running" if start else made.state

    def stop(self, machine_id: str) -> None:
        self._of(machine_id).state = "stopped"

    def remove(self, member: str, machine_id: str | None) -> bool:
        found = self.machines.get(member)
        if found is None:
            return False
        self.removed.append(member)
        found.state = "gone"
        return True

    def members(self, pool: str) -> list[MemberStatus]:
        with self._lock:
            listed = [each for each in self.alive if each.order.pool == pool]
        return [
            MemberStatus(
                member=each.order.member,
                machine=self._machine(each),
                state=each.state,
                spec_hash=each.order.spec_hash,
                runner=each.runner,
                wake=f"queue-{each.machine_id}",
                launched_at=each.made_at,
            )
            for each in listed
        ]

    def site(self, spec: RunnerSpec) -> str:
        return self.image

    def wake(self, address: str) -> None:
        self.woken.append(address)

    @property
    def alive(self) -> list[WarmMachine]:
        """The machines that would still be paid for."""
        return [each for each in list(self.machines.values()) if each.state != "gone"]

    def _of(self, machine_id: str) -> WarmMachine:
        return next(each for each in self.machines.values() if each.machine_id == machine_id)

    def _machine(self, made: WarmMachine) -> Machine:
        return Machine(machine_id=made.machine_id, machine_type="c7g.xlarge", zone="z-a")


@dataclass
class MemoryPlaceholders:
    """The Placeholders port: has at once whatever is ordered, unless there is an error queued."""

    orders: list[PlaceholderOrder] = field(default_factory=list)
    errors: deque[FleetError] = field(default_factory=deque)
    volumes: set[str] = field(default_factory=set)

    def keep(self, order: PlaceholderOrder) -> PlaceholderFacts:
        self.orders.append(order)
        if self.errors:
            raise self.errors.popleft()
        number = order.cache.volumes if order.cache and not order.remove else 0
        volumes = tuple(f"{order.pool}-cache-{each}" for each in range(number))
        made = tuple(each for each in volumes if each not in self.volumes)
        self.volumes |= set(made)
        return PlaceholderFacts(ready=order.replicas, volumes=volumes, made=made)
