"""GitHub in the model: any online idle runner gets any waiting job of its labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from runs_fleet.errors import NameTaken, NotThere, RunnerBusy
from runs_fleet.models import JobEvent, Phase, Registration, Scope
from runs_fleet.ports import JitRunner
from tests.model.chaos import Chaos, reachable
from tests.model.clock import Clock

PICK_UP_LIMIT = 60.0


@dataclass
class Job:
    """One job; `told` is what REST has to say of it since when."""

    job_id: int
    label: str
    seconds: float
    attempt: int = 1
    conclusion: str = ""
    runner: str = ""
    runs: int = 0
    cancelled: bool = False
    lost: bool = False
    queued_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    told: list[tuple[float, JobEvent]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return bool(self.conclusion)


@dataclass
class Registered:
    """One registration; `accept` hands its runner a job."""

    runner_id: int
    runner: str
    labels: tuple[str, ...]
    accept: Callable[[Job], None] | None = None
    job: Job | None = None
    linger_until: float = 0.0

    @property
    def idle(self) -> bool:
        return self.accept is not None and self.job is None


class GitHub:
    """The port, and what happens behind it."""

    def __init__(self, clock: Clock, chaos: Chaos, tell: Callable[[JobEvent], None]) -> None:
        self.clock, self.chaos, self._tell = clock, chaos, tell
        self.jobs: dict[int, Job] = {}
        self.runners: dict[str, Registered] = {}
        self.lingering: dict[int, float] = {}
        self.minted = 0
        self.reruns: list[int] = []
        self.on_rerun: Callable[[Job], None] = lambda job: None

    # What the product calls.

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        self._reachable()
        if runner in self.runners:
            raise NameTaken(runner)
        self.minted += 1
        self.runners[runner] = Registered(self.minted, runner, tuple(labels))
        return JitRunner(self.minted, runner, str(self.minted))

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        self._reachable()
        found = self.runners.get(runner)
        if found is None:
            return None
        return Registration(
            runner_id=found.runner_id,
            runner=runner,
            online=found.accept is not None,
            busy=found.job is not None,
        )

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        self._reachable()
        if self.clock.seconds < self.lingering.get(runner_id, 0):
            raise RunnerBusy("lingers")
        for found in list(self.runners.values()):
            if found.runner_id == runner_id:
                self._delete(found)

    def _delete(self, found: Registered) -> None:
        if found.job is not None:
            raise RunnerBusy(found.runner)
        del self.runners[found.runner]

    def job(self, scope: Scope, job_id: int) -> JobEvent:
        self._reachable()
        as_of = self.clock.seconds - self.chaos.up_to("rest_lag")
        known = [event for since, event in self.jobs[job_id].told if since <= as_of]
        if not known:
            raise NotThere(f"job {job_id}")
        return known[-1].model_copy(update={"source": "rest"})

    def rerun_job(self, scope: Scope, job_id: int, *, asked: bool = False) -> None:
        self._reachable()
        if job_id not in self.reruns:
            self.reruns.append(job_id)
            self.on_rerun(self.jobs[job_id])

    def _reachable(self) -> None:
        reachable(self.chaos.github_away, self.clock.seconds)

    # What happens by itself.

    def queue(self, job: Job) -> None:
        self.jobs[job.job_id], job.queued_at = job, self.clock.seconds
        self._note(job, JobEvent(job_id=job.job_id, phase="queued", at=self.clock.now))
        self.clock.after(0, self.assign)

    def assign(self) -> None:
        """Give waiting jobs to idle runners, in no promised order."""
        for job in [each for each in self.jobs.values() if self._waits(each)]:
            fitting = [
                each for each in self.runners.values() if each.idle and self._fits(each, job)
            ]
            if fitting:
                self._offer(job, self.chaos.rng.choice(fitting))

    def _waits(self, job: Job) -> bool:
        return not job.over and job.runner == ""

    def _fits(self, runner: Registered, job: Job) -> bool:
        return job.label in runner.labels

    def _offer(self, job: Job, runner: Registered) -> None:
        assert runner.accept is not None
        job.runner, runner.job = runner.runner, job
        runner.accept(job)
        self.clock.after(PICK_UP_LIMIT, lambda: self._requeue(job, runner))

    def _requeue(self, job: Job, runner: Registered) -> None:
        """Take a job back that nobody picked up."""
        if job.runner == runner.runner and job.started_at is None and not job.over:
            job.runner, runner.job, runner.accept = "", None, None
            self.assign()

    def start(self, job: Job) -> bool:
        """A runner picks its job up; false when it is gone meanwhile."""
        if job.over:
            return False
        job.runs += 1
        job.started_at = self.clock.seconds
        self._event(job, "in_progress", self.clock.now)
        return True

    def conclude(self, job: Job, conclusion: str) -> None:
        """A job is over; its ephemeral runner deregisters, and its DELETE may linger."""
        if job.over:
            return
        job.conclusion, job.ended_at = conclusion, self.clock.seconds
        runner = self.runners.pop(job.runner, None) if job.started_at is not None else None
        if runner is not None and self.chaos.hits("lingers"):
            self.lingering[runner.runner_id] = self.clock.seconds + 30
        self._free(job)
        self._event(job, "completed", self.clock.now)

    def _free(self, job: Job) -> None:
        """A job cancelled before it was picked up leaves its runner idle."""
        for runner in self.runners.values():
            if runner.job is job:
                runner.job = None

    def _event(self, job: Job, phase: Phase, at: datetime) -> None:
        runner = (job.runner or None) if job.started_at is not None else None
        event = JobEvent(
            job_id=job.job_id,
            phase=phase,
            conclusion=job.conclusion or None,
            runner_name=runner,
            at=at,
        )
        self._note(job, event)
        unnamed = phase == "completed" and self.chaos.hits("unnamed")
        self._tell(event.model_copy(update={"runner_name": None}) if unnamed else event)

    def _note(self, job: Job, event: JobEvent) -> None:
        job.told.append((self.clock.seconds, event))
