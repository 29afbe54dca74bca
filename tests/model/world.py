"""One whole world from a seed: jobs, lifecycles, and couriers that lose, double and delay."""

import functools
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from runs_fleet import claiming, names
from runs_fleet.models import (
    JobEvent,
    JobRequest,
    MachineEvent,
    Policy,
    RunnerReport,
    RunnerSpec,
    Scope,
)
from tests.model.chaos import HOUR, Chaos
from tests.model.clock import Clock
from tests.model.cloud import Cloud
from tests.model.github import GitHub, Job
from tests.model.hosts import Host, Told
from tests.model.lifecycle import Lifecycle
from tests.model.outside import Outside
from tests.model.pool import NAME, Pool

owner_of = functools.cache(names.owner)

HORIZON = 60 * HOUR
# Two jobs are enough for most of what jobs can do to each other.
JOBS = (1, 1, 1, 1, 1, 1, 1, 1, 1, *[2] * 9, 3, 4)
POLICY = Policy(max_runtime=timedelta(hours=3))
RERUN_IDS = 100
SCOPE, SPEC, POOLED = Scope(repo="octo/hello"), RunnerSpec(), RunnerSpec(pool=NAME)
PATIENT = POLICY.model_copy(update={"pool_patience": timedelta(seconds=3)})


class World:
    """Everything of one seed; `timeline` is what to read when it went wrong."""

    def __init__(self, seed: int) -> None:
        self.seed, self.timeline = seed, list[tuple[float, tuple[object, ...]]]()
        self.rng = random.Random(seed)
        self.clock, self.chaos = Clock(), Chaos(self.rng)
        self.github = GitHub(self.clock, self.chaos, self._webhook)
        told = Told(self._report, self._event, self.log)
        self.cloud = Cloud(self.clock, self.chaos, self.github, told)
        self.cloud.may_force = self._may_force
        self.outside = Outside(self.clock, self.chaos, self.github, self.cloud)
        self.lifecycles: dict[int, Lifecycle] = {}
        self.outside.others = self.lifecycles
        # A third of the worlds have a pool, whose luck is not that of the others.
        self.pool = Pool(
            seed, self.clock, self.outside.warm, lifecycles=self.lifecycles, log=self.log
        )
        self.outside.pool = self.pool if seed % 3 == 0 else None
        self.early: dict[int, list[JobEvent]] = {}
        self.open = 0
        # Lifecycles that began long ago go on making their runners in two calls.
        self.one_call = seed % 4 > 0
        self.claims = seed % 5 > 1
        self.github.on_rerun = self._run_again
        for job_id in range(1, self.rng.choice(JOBS) + 1):
            self._plan(self._job(job_id))

    def log(self, *words: object) -> None:
        self.timeline.append((self.clock.seconds, words))

    @property
    def deaf(self) -> bool:
        """Whether the end of a job may be kept from its lifecycle for hours."""
        return bool(self.chaos.github_away) and self.chaos.levers["webhook_lost"] > 0

    def run(self) -> None:
        self.clock.run(until=HORIZON)

    def _ended(self) -> None:
        """The world stops with its last lifecycle."""
        self.open -= 1
        self.clock.stopped = not self.open

    def _job(self, job_id: int) -> Job:
        rng = self.rng
        endless = self.chaos.hits("endless")
        seconds = 5 * HOUR if endless else rng.choice((5, 60, 600, 2400)) * rng.uniform(0.5, 1.5)
        return Job(job_id, rng.choice(("a", "a", "a", "b")), seconds)

    def _plan(self, job: Job) -> None:
        """Queue a job some time, and perhaps have it cancelled at some other time."""
        self.open += 1
        self.clock.after(self.rng.uniform(0, 120), lambda: self._queue(job))

    def _queue(self, job: Job) -> None:
        self.github.queue(job)
        late = self.rng.uniform(60, HOUR) if self.chaos.hits("late_start") else 0
        queued_at = self.clock.now
        self.clock.after(
            late + self.chaos.up_to("webhook_delay"),
            lambda: self._start(self._request(job, queued_at)),
        )
        if self.chaos.hits("cancelled"):
            delay = self.rng.choice((self.rng.uniform(0, 5), self.rng.uniform(0, 600)))
            self.clock.after(delay, lambda: self._cancel(job))
        if self.chaos.hits("released"):
            delay = self.rng.choice((self.rng.uniform(0, 10), self.rng.uniform(100, 900)))
            self.clock.after(delay, lambda: self._release(job))

    def _cancel(self, job: Job) -> None:
        self.log("cancelled at GitHub", job.job_id)
        self.cloud.cancel(job)

    def _release(self, job: Job) -> None:
        if lifecycle := self.lifecycles.get(job.job_id):
            lifecycle.cancel()

    def _request(self, job: Job, queued_at: datetime) -> JobRequest:
        request = JobRequest(
            job_id=job.job_id,
            run_id=1,
            run_attempt=job.attempt,
            scope=SCOPE,
            head_sha="5c1f" * 10,
            labels=(job.label,),
            label=job.label,
            spec=SPEC if self.outside.pool is None else POOLED,
            queued_at=queued_at,
            delivered_at=self.clock.now,
            policy=POLICY if self.outside.pool is None else PATIENT,
            one_call=self.one_call,
        )
        claimed = self.claims and claiming.sent_for(request)
        return request.model_copy(update={"claimed": claimed})

    def _start(self, request: JobRequest) -> None:
        self.log("begins", request.job_id)
        lifecycle = Lifecycle(self.outside, request, self.log, ended=self._ended)
        self.lifecycles[request.job_id] = lifecycle
        for event in self.early.pop(request.job_id, []):
            lifecycle.hear_github(event)
        if request.claimed:
            self.pool.claim_for(claiming.initial(request, self.clock.now))

    def _run_again(self, lost: Job) -> None:
        self.log("runs again", lost.job_id)
        self._plan(Job(lost.job_id + RERUN_IDS, lost.label, lost.seconds, attempt=2))

    def _may_force(self, host: Host) -> bool:
        """An operator's word covers the job's own runner, and the maximum runtime any."""
        ledger = self._owner(host.runner).ledger
        mine = host.job is None or host.job.job_id == ledger.request.job_id
        overdue = self.clock.seconds - host.born >= POLICY.max_runtime.total_seconds()
        return overdue or (ledger.over == "released" and mine)

    # Couriers.

    def _carry(self, what: str, deliver: Callable[[], None]) -> None:
        for _ in range(2 if self.chaos.hits(f"{what}_doubled") else 1):
            self.clock.after(self.chaos.up_to(f"{what}_delay"), deliver)

    def _webhook(self, event: JobEvent) -> None:
        self.log("GitHub says", event.job_id, event.phase, event.conclusion, event.runner_name)
        if self.chaos.hits("webhook_lost"):
            self.cloud.faults += 1
            return
        self._carry("webhook", lambda: self._deliver(event))

    def _deliver(self, event: JobEvent) -> None:
        owner = owner_of(event.runner_name)
        told = (
            (event.job_id,)
            if owner is None or owner[0] == event.job_id
            else (event.job_id, owner[0])
        )
        for job_id in told:
            lifecycle = self.lifecycles.get(job_id)
            if lifecycle is None:
                self.early.setdefault(job_id, []).append(event)
            elif not lifecycle.ended:
                lifecycle.hear_github(event)

    def _report(self, report: RunnerReport) -> None:
        self.log("agent says", report.runner, report.kind, report.outcome)
        lifecycle = self._owner(report.runner)
        if self.chaos.hits("report_lost"):
            self.cloud.faults += 1
        else:
            self._carry("report", lambda: lifecycle.hear_agent(report))

    def _event(self, runner: str, event: MachineEvent) -> None:
        if owner_of(runner) is None:
            return  # It is the pool that hears of its members.
        lifecycle = self._owner(runner)
        if not self.chaos.hits("event_lost"):
            delay = self.chaos.up_to("event_delay")
            self.clock.after(delay, lambda: lifecycle.hear_cloud(event))

    def _owner(self, runner: str) -> Lifecycle:
        owner = owner_of(runner)
        assert owner is not None
        return self.lifecycles[owner[0]]
