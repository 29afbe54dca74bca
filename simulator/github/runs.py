"""Runs and jobs: how they come to be, wait, start, end and run again; no runner in sight."""

import random
from collections.abc import Callable, Sequence

from simulator.github.entities import Job, Place, Run, Status
from simulator.github.plans import Conclusion, JobPlan, RunPlan
from simulator.github.timers import Clock

Emit = Callable[[Job, str], None]
NOWHERE = Place(runner_id=0, runner_name="", group_id=0, group_name="")


class Runs:
    """The book of jobs. Every change of a job is told to `emit(job, action)` as it happens."""

    def __init__(self, clock: Clock, rng: random.Random, *, emit: Emit) -> None:
        self._clock, self._rng, self._emit = clock, rng, emit
        self.runs: dict[int, Run] = {}
        self.jobs: dict[int, Job] = {}
        self._next_run = rng.randrange(4_000_000_000, 5_000_000_000)
        self._next_job = rng.randrange(12_000_000_000, 13_000_000_000)

    def create(self, plan: RunPlan) -> Run:
        """Create a run with the jobs of its first attempt, none of them announced yet."""
        self._next_run += self._rng.randrange(1, 50)
        run = Run(self._next_run, len(self.runs) + 1, plan, self._clock())
        self.runs[run.id] = run
        run.attempts[1] = [self._new(run, job) for job in plan.jobs]
        return run

    def announce(self, job: Job) -> None:
        """Send what GitHub sends when a job comes to be; skipped ones were never queued."""
        if job.plan.kind == "skipped":
            self.conclude(job, "skipped")
        elif job.plan.kind == "foreign":
            self.conclude(job, job.plan.conclusion)
        elif job.plan.kind == "waiting":
            # Both come, the second with `action: queued` although its status is `waiting`.
            job.status = "waiting"
            self.tell(job, "waiting")
            self.tell(job, "queued")
        else:
            self.queue(job)

    def queue(self, job: Job) -> None:
        """Make a job ready for a runner."""
        job.status, job.queued_at = "queued", self._clock()
        self.tell(job, "queued")

    def start(self, job: Job, place: Place) -> None:
        """Put a job on a runner."""
        job.settle()
        job.status, job.started_at, job.place = "in_progress", self._clock(), place
        job.offered = None
        job.taken_by.append(place.runner_name)
        self.tell(job, "in_progress")

    def conclude(self, job: Job, conclusion: Conclusion) -> None:
        """End a job, whether it ran or not."""
        job.settle()
        job.status, job.conclusion, job.completed_at = "completed", conclusion, self._clock()
        if job.started_at is None:
            job.started_at = job.completed_at
        if job.place is None and conclusion == "cancelled":
            # Both were seen in the wild: id 0 and empty names, and nulls.
            job.place = self._rng.choice([NOWHERE, None])
        self.tell(job, "completed")

    def again(self, run: Run, chosen: Sequence[Job]) -> list[Job]:
        """Begin the next attempt: new ids for all; what is not run again is completed at once."""
        before = run.jobs
        run.attempt += 1
        jobs = [self._new(run, job.plan) for job in before]
        run.attempts[run.attempt] = jobs
        for job, old in zip(jobs, before, strict=True):
            job.labels = old.labels
            if old in chosen:
                continue
            job.carried_over = True
            job.started_at, job.place = old.started_at, old.place
            self.conclude(job, old.conclusion or "success")
        fresh = [job for job in jobs if not job.carried_over]
        for job in fresh:
            self.queue(job)
        return fresh

    def tell(self, job: Job, action: str) -> None:
        """Note and send one event."""
        job.events.append((action, job.status, self._clock()))
        self._emit(job, action)

    def _new(self, run: Run, plan: JobPlan) -> Job:
        self._next_job += self._rng.randrange(1, 9)
        labels = tuple(label.replace("${{ github.run_id }}", str(run.id)) for label in plan.labels)
        status: Status = "waiting" if plan.kind == "waiting" else "queued"
        job = Job(self._next_job, run, run.attempt, plan, labels, self._clock(), status=status)
        self.jobs[job.id] = job
        return job
