"""What the fake GitHub remembers, for tests, the demo and the benchmarks to judge by."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Page(BaseModel):
    """Base for records."""

    model_config = ConfigDict(frozen=True)


class EventRecord(Page):
    """One webhook event of a job, at the moment it was made."""

    action: str
    status: str
    at: datetime


class JobRecord(Page):
    """One job; `runners` names every runner that ever took it, once for each time.

    `carried_over` jobs were concluded in an earlier attempt of their run and never ran in this.
    """

    id: int
    run_id: int
    run_attempt: int
    repo: str
    name: str
    kind: str
    labels: tuple[str, ...]
    status: str
    conclusion: str | None
    carried_over: bool
    muted: bool
    runners: tuple[str, ...]
    offers: int
    created_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    events: tuple[EventRecord, ...]


class RunnerRecord(Page):
    """One registration, gone or not.

    removed_how: ran_job, api, idle, unused, lease_lost, lever. `lost_busy_at` is when its
    connection broke while it had a job (and it did not come back).
    """

    id: int
    name: str
    scope: str
    labels: tuple[str, ...]
    group_id: int
    online: bool
    busy: bool
    created_at: datetime
    online_at: datetime | None
    removed_at: datetime | None
    removed_how: str | None
    lost_busy_at: datetime | None
    jobs: tuple[int, ...]


class DeliveryRecord(Page):
    """One attempt to deliver one event to one hook; `sent_at` is None if it never left.

    `answered_at` is when the receiver's answer was complete: their difference is its latency.
    """

    id: int
    guid: str
    hook: str
    event: str
    action: str | None
    job_id: int | None
    job_status: str | None
    redelivery: bool
    status: str
    status_code: int
    made_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None


class NoticeRecord(Page):
    """What an app said on a commit: a check run, or a status whose `name` is its context."""

    id: int
    kind: Literal["check_run", "status"]
    repo: str
    sha: str
    name: str
    conclusion: str
    external_id: str = ""
    title: str = ""
    text: str = ""
    url: str = ""


class Books(Page):
    """Everything at one moment; `calls` counts REST calls by "METHOD /template" and status.

    `violations` are replies and payloads that do not fit GitHub's OpenAPI description.
    """

    jobs: tuple[JobRecord, ...] = ()
    runners: tuple[RunnerRecord, ...] = ()
    deliveries: tuple[DeliveryRecord, ...] = ()
    notices: tuple[NoticeRecord, ...] = ()
    calls: dict[str, dict[str, int]] = {}
    violations: tuple[str, ...] = ()

    def job(self, job_id: int) -> JobRecord:
        """Find one job. Raises KeyError."""
        found = {job.id: job for job in self.jobs}
        return found[job_id]

    def runner(self, name: str) -> RunnerRecord:
        """Find the newest registration of a name. Raises KeyError."""
        found = {runner.name.lower(): runner for runner in self.runners}
        return found[name.lower()]

    @property
    def unfinished(self) -> tuple[JobRecord, ...]:
        """Jobs that GitHub has not concluded."""
        return tuple(job for job in self.jobs if job.status != "completed")

    @property
    def run_twice(self) -> tuple[JobRecord, ...]:
        """Jobs that more than one runner took: there must never be any."""
        return tuple(job for job in self.jobs if len(job.runners) > 1)

    @property
    def registered(self) -> tuple[RunnerRecord, ...]:
        """Registrations that still exist."""
        return tuple(runner for runner in self.runners if runner.removed_at is None)

    @property
    def lost_busy(self) -> tuple[RunnerRecord, ...]:
        """Runners that were lost while they worked."""
        return tuple(runner for runner in self.runners if runner.lost_busy_at is not None)

    def call_count(self, method: str = "", containing: str = "") -> int:
        """Count REST calls of a method whose template contains a text."""
        return sum(
            sum(statuses.values())
            for route, statuses in self.calls.items()
            if route.startswith(method) and containing in route
        )
