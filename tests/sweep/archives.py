"""Ended lifecycles and an archive in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from runs_fleet.census import EndedCall, EndedRoll
from runs_fleet.errors import FleetError
from runs_fleet.outcomes import JobOutcome, Timings


@dataclass
class MemoryEnded:
    """Lifecycles by when they closed; those of `unreadable` say nothing."""

    closed: dict[int, datetime] = field(default_factory=dict)
    unreadable: dict[int, FleetError] = field(default_factory=dict)
    forgotten: set[int] = field(default_factory=set)
    calls: list[EndedCall] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    error: FleetError | None = None

    async def ended(self, call: EndedCall) -> EndedRoll:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
        span = sorted((at, job) for job, at in self.closed.items() if _within(call, at))
        first = span[: call.most]
        through = first[-1][0] if len(first) < len(span) else call.until
        return EndedRoll(job_ids=tuple(job for _, job in first), through=through)

    async def outcome(self, job_id: int) -> JobOutcome | None:
        self.read.append(job_id)
        if job_id in self.unreadable:
            raise self.unreadable[job_id]
        return None if job_id in self.forgotten else outcome(job_id)


def _within(call: EndedCall, at: datetime) -> bool:
    return call.since <= at < call.until


@dataclass
class MemoryArchive:
    """Outcomes by job; `errors` are raised for the job, and `error` for all."""

    kept: dict[int, JobOutcome] = field(default_factory=dict)
    errors: dict[int, FleetError] = field(default_factory=dict)
    error: FleetError | None = None

    def put(self, outcome: JobOutcome) -> None:
        if error := self.error or self.errors.get(outcome.job_id):
            raise error
        self.kept.setdefault(outcome.job_id, outcome)

    def get(self, job_id: int) -> JobOutcome | None:
        return self.kept.get(job_id)


def outcome(job_id: int) -> JobOutcome:
    """Make the outcome of a job like any other."""
    now = datetime.now(UTC)
    timings = Timings(queued=now, delivered=now, completed=now)
    return JobOutcome(job_id=job_id, repo="acme/app", state="completed", timings=timings)
