"""Runs, jobs, runners and sessions as plain records; `hub` and its friends give them life."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from simulator.github.plans import Conclusion, JobPlan, RunPlan
from simulator.github.timers import Timer

Status = Literal["queued", "waiting", "in_progress", "completed"]
RunStatus = Literal["queued", "in_progress", "completed"]
HOSTED_GROUP = 2
GROUPS = {1: "Default", HOSTED_GROUP: "GitHub Actions"}


def folded(labels: Iterable[str]) -> frozenset[str]:
    """Make labels comparable: GitHub ignores case."""
    return frozenset(label.lower() for label in labels)


@dataclass(frozen=True)
class Place:
    """Who ran a job, as payloads tell it; the runner itself may be gone."""

    runner_id: int
    runner_name: str
    group_id: int = 1
    group_name: str = "Default"


@dataclass(eq=False)
class Run:
    """One workflow run with all of its attempts."""

    id: int
    number: int
    plan: RunPlan
    created_at: float
    attempt: int = 1
    attempts: dict[int, list["Job"]] = field(default_factory=dict)

    @property
    def repo(self) -> str:
        return self.plan.repo

    @property
    def jobs(self) -> list["Job"]:
        """The jobs of the newest attempt."""
        return self.attempts[self.attempt]

    @property
    def over(self) -> bool:
        return all(job.status == "completed" for job in self.jobs)

    @property
    def status(self) -> RunStatus:
        if self.over:
            return "completed"
        idle = all(job.status in ("queued", "waiting") for job in self.jobs)
        return "queued" if idle else "in_progress"

    @property
    def conclusion(self) -> Conclusion | None:
        if not self.over:
            return None
        seen = {job.conclusion for job in self.jobs}
        bad: tuple[Conclusion, ...] = ("failure", "timed_out", "cancelled")
        return next((word for word in bad if word in seen), "success")


@dataclass(eq=False)
class Job:
    """One job of one attempt. `offered` has been told of it and has not picked it up yet."""

    id: int
    run: Run
    attempt: int
    plan: JobPlan
    labels: tuple[str, ...]
    created_at: float
    status: Status = "queued"
    conclusion: Conclusion | None = None
    queued_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None
    place: Place | None = None
    offered: "Runner | None" = None
    runner: "Runner | None" = None
    carried_over: bool = False
    cancelling: bool = False
    offers: int = 0
    taken_by: list[str] = field(default_factory=list)
    events: list[tuple[str, str, float]] = field(default_factory=list)
    timer: Timer | None = None

    @cached_property
    def wants(self) -> frozenset[str]:
        return folded(self.labels)

    def settle(self) -> None:
        """Stop whatever was going to happen to this job."""
        if self.timer:
            self.timer.cancel()
            self.timer = None


@dataclass(eq=False)
class Runner:
    """One registration; `scope` is an organization or a repository's full name."""

    id: int
    name: str
    scope: str
    labels: tuple[str, ...]
    group_id: int
    client_id: str
    created_at: float
    work_folder: str = "_work"
    session: "Session | None" = None
    offer: Job | None = None
    job: Job | None = None
    retiring: bool = False
    online_at: float | None = None
    removed_at: float | None = None
    removed_how: str | None = None
    lost_busy_at: float | None = None
    ran: list[int] = field(default_factory=list)
    timer: Timer | None = None

    @cached_property
    def has(self) -> frozenset[str]:
        return folded(self.labels)

    @property
    def online(self) -> bool:
        return self.session is not None and self.session.online

    @property
    def busy(self) -> bool:
        """An offer counts: GitHub refuses to delete a runner it has just chosen."""
        return self.job is not None or self.offer is not None or self.retiring

    @property
    def idle(self) -> bool:
        return self.online and not self.busy and self.removed_at is None

    def serves(self, job: Job, groups: dict[int, str]) -> bool:
        """Tell whether GitHub may give this job to this runner.

        https://docs.github.com/actions/hosting-your-own-runners/managing-self-hosted-runners/using-self-hosted-runners-in-a-workflow
        """
        if not job.labels and job.plan.group is None:
            return False
        if self.scope not in (job.run.repo, job.run.repo.partition("/")[0]):
            return False
        if job.plan.group is not None and groups.get(self.group_id) != job.plan.group:
            return False
        return job.wants <= self.has


@dataclass(eq=False)
class Session:
    """One listener's connection to the broker."""

    id: str
    runner: Runner
    messages: deque[dict[str, Any]] = field(default_factory=deque)
    online: bool = True
    polls: int = 0
    poisoned: bool = False
    opened_at: float = 0
    silence: Timer | None = None
    expiry: Timer | None = None

    def forget_offers(self) -> None:
        """Take back an offer that was not fetched yet."""
        kept = [message for message in self.messages if message["type"] != "job"]
        self.messages = deque(kept)
