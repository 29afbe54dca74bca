"""A cloud, a GitHub and lifecycles in memory, for a sweep to compare."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from runs_fleet import names
from runs_fleet.census import HeldConfig, OwnedMachine, OwnerState, Roll, RollCall, WaitingJob
from runs_fleet.errors import FleetError, NotThere, RunnerBusy
from runs_fleet.github.events import JobQueued
from runs_fleet.hooks import Delivery, DeliveryPage, Hook
from runs_fleet.models import (
    Machine,
    MachineEvent,
    MachineOrder,
    MachineStatus,
    Mode,
    Registration,
    Scope,
)
from runs_fleet.outcomes import Attempt, JobOutcome, Timings
from runs_fleet.ports import RunnerConfig

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)
ACME = Scope(repo="acme/app", org="acme", installation_id=7)


@dataclass
class Outside:
    """All that a sweep looks at; `errors` are raised by the method of that name."""

    alive: dict[str, OwnedMachine] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    held: dict[str, datetime] = field(default_factory=dict)
    registered: dict[str, Registration] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    log: list[Delivery] = field(default_factory=list)
    waiting: list[WaitingJob] = field(default_factory=list)
    owners: dict[int, OwnerState] = field(default_factory=dict)
    keepers: dict[str, OwnerState] = field(default_factory=dict)
    shown: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, tuple[Attempt, ...]] = field(default_factory=dict)
    scopes: list[Scope] = field(default_factory=lambda: [ACME])
    errors: dict[str, FleetError] = field(default_factory=dict)
    redelivered: list[int] = field(default_factory=list)
    forgets_deliveries: bool = False
    told: list[tuple[int, MachineEvent]] = field(default_factory=list)
    started: list[JobQueued] = field(default_factory=list)
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def machine(self, job: int, *, attempt: int = 1, state: OwnerState | None = None) -> str:
        """Make a machine, with a registration and a config, whose owner is in this state."""
        runner = names.runner(job, attempt)
        machine_id = f"i-{job:x}{attempt}{len(self.alive)}"
        self.alive[machine_id] = OwnedMachine(
            machine_id=machine_id, runner=runner, repo="acme/app", launched_at=LONG_AGO
        )
        self.held[machine_id] = LONG_AGO
        self.registered[runner] = Registration(runner_id=job, runner=runner)
        if state is not None:
            self.owners[job] = state
        return machine_id

    def member(self, number: int, *, runner: str = "", minted: bool = False) -> str:
        """Make a pool's member with a config, and with a registration under its pool's label."""
        name, machine_id = names.member("default", "abc123", number), f"i-{number:017x}"
        self.alive[machine_id] = OwnedMachine(
            machine_id=machine_id,
            runner=runner,
            pool="default",
            member=name,
            launched_at=LONG_AGO,
        )
        self.held[machine_id] = LONG_AGO
        if minted:
            known = names.member_runner(name, 3)
            self.registered[known] = Registration(runner_id=number, runner=known, online=True)
        return machine_id

    def deliver(self, guid: str, *, ok: bool = False) -> None:
        """Log a delivery."""
        at = LONG_AGO + timedelta(seconds=len(self.log))
        number = 100 + len(self.log)
        self.log.append(Delivery(delivery_id=number, guid=guid, at=at, ok=ok, event="workflow_job"))

    def enter(self, method: str) -> None:
        """Count a call, and fail if so told."""
        self.asked[method] += 1
        if method in self.errors:
            raise self.errors[method]


class MemoryLifecycles:
    """Lifecycles by job; `shown` is what the search knows of the open ones."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    async def roll(self, call: RollCall) -> Roll:
        self.outside.enter("roll")
        return Roll(machines=self.outside.shown, scopes=tuple(self.outside.scopes))

    async def states(self, job_ids: Collection[int]) -> dict[int, OwnerState]:
        self.outside.enter("states")
        return {job: self.outside.owners.get(job, "absent") for job in job_ids}

    async def keepers(self, mode: Mode, pools: Collection[str]) -> dict[str, OwnerState]:
        self.outside.enter("keepers")
        return {pool: self.outside.keepers.get(pool, "absent") for pool in pools}

    async def progress(self, job_id: int) -> JobOutcome | None:
        self.outside.enter("progress")
        now = datetime.now(UTC)
        timings = Timings(queued=now, delivered=now)
        attempts = self.outside.attempts.get(job_id, ())
        return JobOutcome(
            job_id=job_id, repo="acme/app", state="booting", attempts=attempts, timings=timings
        )

    async def tell(self, job_id: int, event: MachineEvent) -> bool:
        self.outside.told.append((job_id, event))
        return True

    async def start(self, job: JobQueued) -> str:
        self.outside.enter("start")
        self.outside.started.append(job)
        self.outside.owners[job.job_id] = "open"
        return "started"


class MemoryCloud:
    """Inventory, config store and provider of the same cloud."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    def machines(self) -> list[OwnedMachine]:
        self.outside.enter("machines")
        return list(self.outside.alive.values())

    def configs(self) -> list[HeldConfig]:
        self.outside.enter("configs")
        return [HeldConfig(machine_id=m, written_at=at) for m, at in self.outside.held.items()]

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        ended = self.outside.ended.items()
        return [
            MachineStatus(
                machine_id=machine_id,
                state="gone",
                cause=cause,
                taken=cause.startswith("Server."),
            )
            for machine_id, cause in ended
            if machine_id in machine_ids
        ]

    def find(self, runner: str) -> list[MachineStatus]:
        raise NotImplementedError

    def create(self, order: MachineOrder) -> Machine:
        raise NotImplementedError

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        raise NotImplementedError

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        raise NotImplementedError

    def delete(self, machine_id: str) -> None:
        self.outside.held.pop(machine_id, None)


class MemoryTerminator(MemoryCloud):
    """The inventory's own way to remove a machine."""

    def terminate(self, machine_id: str) -> None:
        self.outside.enter("terminate")
        self.outside.alive.pop(machine_id, None)


class MemoryProviderOf(MemoryCloud):
    """The provider's way, which a sweep must not use: it may take a twin."""

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        raise NotImplementedError


class MemorySweptGitHub:
    """Registrations, deliveries and queued jobs."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside

    def scope(self, repo: str) -> Scope:
        self.outside.enter("scope")
        return Scope(repo=repo, org="acme", installation_id=7)

    def place(self, scope: Scope) -> str:
        return scope.org or scope.repo

    def deliveries(self, hook: Hook, cursor: str) -> DeliveryPage:
        self.outside.enter(f"deliveries {hook.key}")
        newest = sorted(self.outside.log, key=lambda one: one.delivery_id, reverse=True)
        return DeliveryPage(items=tuple(newest))

    def redeliver(self, hook: Hook, delivery_id: int) -> None:
        self.outside.enter("redeliver")
        if self.outside.forgets_deliveries:
            raise NotThere(str(delivery_id))
        self.outside.redelivered.append(delivery_id)

    def registrations(self, scope: Scope) -> Iterator[Sequence[Registration]]:
        self.outside.enter("registrations")
        yield list(self.outside.registered.values())

    def waiting_jobs(self, scope: Scope) -> Iterator[Sequence[WaitingJob]]:
        self.outside.enter(f"waiting_jobs {scope.repo}")
        yield [job for job in self.outside.waiting if job.scope.repo == scope.repo]

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        self.outside.enter("find_runner")
        return self.outside.registered.get(runner)

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        found = [r for r, one in self.outside.registered.items() if one.runner_id == runner_id]
        if self.outside.busy.intersection(found):
            raise RunnerBusy(found[0])
        for runner in found:
            del self.outside.registered[runner]
