"""How a lifecycle went: its result, and what operators read."""

from datetime import datetime

from runs_fleet.models import Machine, Wire


class Attempt(Wire):
    """One runner made for a job, and why it ended."""

    number: int
    runner: str
    machine: Machine | None = None
    cause: str = ""
    detail: str = ""
    served_job: int | None = None
    created_at: datetime | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None


class Timings(Wire):
    """When each thing happened, UTC; what never happened is None."""

    queued: datetime
    delivered: datetime
    placed: datetime | None = None
    ready: datetime | None = None
    started: datetime | None = None
    completed: datetime | None = None
    released: datetime | None = None


class JobOutcome(Wire):
    """How a lifecycle ended.

    state: completed (GitHub concluded the job), cancelled (before it ran), refused (bad label),
    gave_up (the ladder ended), timed_out (maximum runtime), released (by an operator),
    vanished (GitHub no longer knows the job).
    `told` says how people were told at GitHub that no runner comes: check_run, status or nobody.
    """

    job_id: int
    repo: str
    state: str
    conclusion: str | None = None
    reason: str = ""
    runner: str = ""
    machine: Machine | None = None
    attempts: tuple[Attempt, ...] = ()
    timings: Timings
    cost: float | None = None
    rerun_requested: bool = False
    told: str = ""
