"""What is known of one world after it has come to rest: its own books, and the chaos's log."""

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel

from runs_fleet import names
from runs_fleet.models import Mode
from runs_fleet.outcomes import JobOutcome
from simulator.chaos.machines import Left, Machine, Order
from simulator.github.books import Books, JobRecord

MARKER = "runs-fleet"
# How a manager is to end.
OVER = "over"
# For these nobody's job is to blame.
LOSSES = (
    "spot_loss", "hardware_loss", "member_loss", "eviction", "preemption", "node_loss", "drain",
    "placeholder_loss",
)  # fmt: skip


class Deed(BaseModel):
    """One fault as it was done. `missed` when there was nothing to do it to.

    `taken` are the machines that it takes; `mended_at` is when what was killed was started again.
    """

    at: datetime
    kind: str
    what: str = ""
    target: str = ""
    taken: tuple[str, ...] = ()
    missed: bool = False
    mended_at: datetime | None = None


class Life(BaseModel):
    """A lifecycle as Temporal has it; status `absent` when there is none."""

    status: str
    outcome: JobOutcome | None = None


class Evidence(BaseModel):
    """Everything that the invariants judge by.

    `maxes` are how many members each pool may have; `managers` says how each pool's manager has
    ended, and `short` which pools did not get back to what they are to have, and why.
    """

    seed: int
    mode: Mode = "ec2"
    began_at: datetime
    calm_at: datetime
    rested_at: datetime | None
    books: Books
    machines: tuple[Machine, ...] = ()
    orders: tuple[Order, ...] = ()
    left: tuple[Left, ...] = ()
    lives: dict[int, Life] = {}
    deeds: tuple[Deed, ...] = ()
    crashes: tuple[str, ...] = ()
    maxes: dict[str, int] = {}
    managers: dict[str, str] = {}
    short: dict[str, str] = {}

    @property
    def ours(self) -> tuple[JobRecord, ...]:
        """The jobs that ask for a runner of ours, without those carried over by a re-run."""
        return tuple(job for job in self.books.jobs if _ours(job) and not job.carried_over)

    @property
    def done(self) -> tuple[Deed, ...]:
        """The faults that took place."""
        return tuple(deed for deed in self.deeds if not deed.missed)

    @property
    def killed(self) -> dict[str, datetime]:
        """The machines that the chaos has taken, and when it began to."""
        return _earliest(self.done)

    @property
    def lost(self) -> dict[str, datetime]:
        """Those of them for which no job is to blame, so that theirs may run again."""
        return _earliest(deed for deed in self.done if deed.kind in LOSSES)

    @property
    def plainly_lost(self) -> dict[str, datetime]:
        """Those of them to which nothing had happened before, so that theirs must run again.

        What has killed itself cannot be lost any more, nor does its node take it along.
        """
        killed = self.killed
        return {name: at for name, at in self.lost.items() if at <= killed[name]}

    @property
    def cancelled(self) -> set[int]:
        """The jobs that somebody cancelled."""
        return {int(deed.target) for deed in self.done if deed.kind == "cancellation"}

    def machines_of(self, runner: str) -> list[Machine]:
        """Find a runner's machines: mostly one; a listening member's is the member's."""
        return [one for one in self.machines if serves(one, runner)]

    def lost_to_chaos(self, job: JobRecord) -> bool:
        """Whether the job's machine was lost to the chaos, before GitHub had concluded it."""
        return _before(job, self._among(self.lost, job))

    def plainly_lost_to_chaos(self, job: JobRecord) -> bool:
        """Whether it was, while nothing else had happened to the machine."""
        return _before(job, self._among(self.plainly_lost, job))

    def killed_by_chaos(self, job: JobRecord) -> bool:
        """Whether the chaos has taken the job's machine, before GitHub had concluded it."""
        return _before(job, self._among(self.killed, job))

    def _among(self, taken: dict[str, datetime], job: JobRecord) -> datetime | None:
        machines = self.machines_of(job.runners[-1]) if job.runners else []
        return min(
            (taken[one.machine_id] for one in machines if one.machine_id in taken), default=None
        )

    def attempts_of(self, job: JobRecord) -> list[JobRecord]:
        """List a job with its re-runs, in their order."""
        same = [one for one in self.ours if (one.run_id, one.name) == (job.run_id, job.name)]
        return sorted(same, key=lambda one: one.run_attempt)


def owner_of(runner: str | None) -> int | None:
    """Tell whose runner it is."""
    owner = names.owner(runner)
    return owner[0] if owner else None


def serves(machine: Machine, runner: str) -> bool:
    """Tell whether a machine is a runner's: that of a job, or of a pool that listens."""
    listening = names.pool_of(runner)
    if listening is not None:
        return machine.member == listening[1]
    return machine.runner == runner.lower()


def _earliest(deeds: Iterable[Deed]) -> dict[str, datetime]:
    taken = dict[str, datetime]()
    for deed in deeds:
        for machine in deed.taken:
            taken[machine] = min(taken.get(machine, deed.at), deed.at)
    return taken


def _before(job: JobRecord, taken_at: datetime | None) -> bool:
    return taken_at is not None and (not job.completed_at or taken_at < job.completed_at)


def _ours(job: JobRecord) -> bool:
    return any(label.startswith(MARKER) for label in job.labels)
