"""What is known of one world after it has come to rest: its own books, and the chaos's log."""

from datetime import datetime

from pydantic import BaseModel

from runs_fleet import names
from runs_fleet.outcomes import JobOutcome
from simulator.aws.client import RUNNER_TAG
from simulator.aws.models import FleetCall, MachineRecord
from simulator.github.books import Books, JobRecord

MARKER = "runs-fleet"
LOSSES = ("spot_loss", "hardware_loss")


class Deed(BaseModel):
    """One fault as it was done. `missed` when there was nothing to do it to.

    `mended_at` is when what was killed was started again.
    """

    at: datetime
    kind: str
    what: str = ""
    target: str = ""
    missed: bool = False
    mended_at: datetime | None = None


class Life(BaseModel):
    """A lifecycle as Temporal has it; status `absent` when there is none."""

    status: str
    outcome: JobOutcome | None = None


class Evidence(BaseModel):
    """Everything that the invariants judge by."""

    seed: int
    began_at: datetime
    calm_at: datetime
    rested_at: datetime | None
    books: Books
    machines: tuple[MachineRecord, ...] = ()
    fleets: tuple[FleetCall, ...] = ()
    parameters: tuple[str, ...] = ()
    lives: dict[int, Life] = {}
    deeds: tuple[Deed, ...] = ()
    crashes: tuple[str, ...] = ()

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
        return {deed.target: deed.at for deed in reversed(self.done) if deed.kind in LOSSES}

    @property
    def cancelled(self) -> set[int]:
        """The jobs that somebody cancelled."""
        return {int(deed.target) for deed in self.done if deed.kind == "cancellation"}

    def machine_of(self, runner: str) -> MachineRecord | None:
        """Find a runner's machine."""
        named = (one for one in self.machines if one.tags.get(RUNNER_TAG) == runner.lower())
        return next(named, None)

    def lost_to_chaos(self, job: JobRecord) -> bool:
        """Whether the job's machine was taken by the chaos, before GitHub had concluded it."""
        machine = self.machine_of(job.runners[-1]) if job.runners else None
        taken_at = self.killed.get(machine.machine_id) if machine else None
        return taken_at is not None and (not job.completed_at or taken_at < job.completed_at)

    def attempts_of(self, job: JobRecord) -> list[JobRecord]:
        """List a job with its re-runs, in their order."""
        same = [one for one in self.ours if (one.run_id, one.name) == (job.run_id, job.name)]
        return sorted(same, key=lambda one: one.run_attempt)


def owner_of(runner: str | None) -> int | None:
    """Tell whose runner it is."""
    owner = names.owner(runner)
    return owner[0] if owner else None


def _ours(job: JobRecord) -> bool:
    return any(label.startswith(MARKER) for label in job.labels)
