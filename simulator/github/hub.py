"""The heart of the fake GitHub: which job goes to which runner, and what becomes of both."""

import random
from collections.abc import Callable
from typing import Any

from simulator.github.entities import GROUPS, HOSTED_GROUP, Job, Place, Run, Runner, Session
from simulator.github.plans import Conclusion, RunPlan, Settings
from simulator.github.registry import Registry
from simulator.github.runs import Emit, Runs
from simulator.github.timers import Timers

RESULTS: dict[str, Conclusion] = {
    "Succeeded": "success",
    "SucceededWithIssues": "success",
    "Failed": "failure",
    "Canceled": "cancelled",
    "Skipped": "skipped",
    "Abandoned": "failure",
}
ANY_DEATH: dict[str, Any] = {"type": "deleted"}


class Conflict(Exception):
    """The moment is wrong: the job is another's, over, or not there yet."""


class Hub:
    """The state machine without HTTP. Timers are turned by whoever owns them.

    `emit` hears every event of a job, `ring` that a session has a message.
    """

    def __init__(
        self, timers: Timers, *, emit: Emit, ring: Callable[[Session], None], seed: int = 0
    ) -> None:
        self.settings = Settings()
        self.timers, self.rng, self._ring = timers, random.Random(seed), ring
        self.runs = Runs(timers.clock, self.rng, emit=emit)
        self.registry = Registry(timers.clock, self.rng)
        self.groups = dict(GROUPS)
        self.queue: dict[int, Job] = {}
        self.pins: dict[str, int] = {}
        self._hosted = 0

    def create_run(self, plan: RunPlan) -> Run:
        """Create a run, announce its jobs, and give them to whoever is idle."""
        run = self.runs.create(plan)
        for job in run.jobs:
            self.runs.announce(job)
            self._enqueue(job)
        return run

    def approve(self, job: Job) -> None:
        """Open the gate of a waiting job: it is queued once more, this time for good."""
        if job.status != "waiting":
            raise Conflict(f"job {job.id} is {job.status}, not waiting")
        self.runs.queue(job)
        self._enqueue(job)

    def cancel(self, job: Job) -> None:
        """Cancel a job wherever it is; a running one is asked and has `cancel_timeout` to obey."""
        if job.status == "completed":
            raise Conflict(f"job {job.id} is completed")
        if job.status != "in_progress" or job.runner is None:
            self._withdraw(job)
            self.runs.conclude(job, "cancelled")
            return
        if not job.cancelling:
            job.cancelling = True
            self._send(job.runner, {"type": "cancel", "job_id": job.id})
            job.timer = self.timers.after(self.settings.cancel_timeout, lambda: self._cut(job))

    def rerun(self, run: Run, chosen: list[Job]) -> list[Job]:
        """Run concluded jobs once more, in a new attempt of their run."""
        if not run.over and not self.settings.rerun_while_running:
            raise Conflict("The workflow run containing this job is already running")
        fresh = self.runs.again(run, chosen)
        for job in fresh:
            self._enqueue(job)
        return fresh

    def pin(self, runner: str, job: Job) -> None:
        """Make sure that this runner, once idle, and no other, is handed this job."""
        self.pins[runner.lower()] = job.id
        found = self.registry.by_name(runner)
        if found and found.idle:
            self.offer_to(found)

    def take(self, job: Job, runner_name: str, *, group: str = "Default") -> None:
        """Let somebody else's runner do a queued job."""
        if job.status != "queued":
            raise Conflict(f"job {job.id} is {job.status}, not queued")
        self._withdraw(job)
        group_id = HOSTED_GROUP if group == GROUPS[HOSTED_GROUP] else 1
        place = Place(self.registry.next_id(), runner_name, group_id, group)
        self.runs.start(job, place)
        job.timer = self.timers.after(job.plan.seconds, lambda: self._end_elsewhere(job))

    def offer_to(self, runner: Runner) -> None:
        """Give an idle runner the oldest job that it may have."""
        pinned = self.pins.get(runner.name.lower())
        ours = (job for job in self.queue.values() if self._may(runner, job, pinned))
        job = next(ours, None)
        if job is None:
            self.idle(runner)
        else:
            self._offer(job, runner)

    def idle(self, runner: Runner) -> None:
        """Start the clock after which GitHub drops a runner that nobody needs."""
        ttl = self.settings.idle_ttl if runner.online else self.settings.unused_ttl
        if runner.timer:
            runner.timer.cancel()
            runner.timer = None
        if ttl is not None:
            runner.timer = self.timers.after(ttl, lambda: self._drop_idle(runner))

    def acquire(self, session: Session, job_id: int) -> Job:
        """Let the runner have the job that it was offered, if it still is."""
        runner, job = session.runner, session.runner.offer
        if job is None or job.id != job_id or runner.removed_at is not None:
            raise Conflict(f"job {job_id} is not offered to {runner.name}")
        runner.offer, runner.job, job.runner = None, job, runner
        runner.ran.append(job.id)
        group = self.groups[runner.group_id]
        self.runs.start(job, Place(runner.id, runner.name, runner.group_id, group))
        return job

    def complete(self, session: Session, job_id: int, result: str) -> None:
        """Hear from a runner how its job went; an ephemeral runner is removed soon after."""
        runner, job = session.runner, session.runner.job
        if job is None or job.id != job_id:
            raise Conflict(f"job {job_id} is not on {runner.name}")
        self._let_go(job, RESULTS.get(result, "failure"))
        runner.retiring = True
        linger = self.settings.deregister_after
        runner.timer = self.timers.after(linger, lambda: self.remove(runner, "ran_job"))

    def remove(self, runner: Runner, how: str) -> None:
        """End a registration; a listener that is still there is told."""
        if runner.timer:
            runner.timer.cancel()
        self.lost(runner)
        self.pins.pop(runner.name.lower(), None)
        job, runner.offer, runner.retiring = runner.offer, None, False
        self.registry.remove(runner, how)
        self._send(runner, ANY_DEATH)
        if job is not None:
            self._requeue(job)

    def lost(self, runner: Runner) -> None:
        """Note that a runner is not connected any more; a job it had is given up after a while."""
        if runner.job is None or runner.removed_at is not None:
            return
        runner.lost_busy_at = self.timers.clock()
        job = runner.job
        job.settle()
        job.timer = self.timers.after(self.settings.lease_ttl, lambda: self._lease_lost(job))

    def found(self, runner: Runner) -> None:
        """Note that a runner is connected (again)."""
        if runner.job is not None and runner.lost_busy_at is not None:
            runner.lost_busy_at = None
            if not runner.job.cancelling:
                runner.job.settle()
        if runner.idle:
            self.offer_to(runner)

    def _enqueue(self, job: Job) -> None:
        if job.status != "queued":
            return
        if job.plan.kind == "hosted":
            job.timer = self.timers.after(self.settings.hosted_delay, lambda: self._host(job))
            return
        self._line_up(job, first=job.plan.first)

    def _line_up(self, job: Job, *, first: bool) -> None:
        if first:
            self.queue = {job.id: job} | self.queue
        else:
            self.queue[job.id] = job
        idle = [runner for runner in self.registry.online.values() if self._may(runner, job)]
        if idle:
            self._offer(job, self.rng.choice(idle))

    def _may(self, runner: Runner, job: Job, pinned: int | None = None) -> bool:
        if not runner.idle:
            return False
        pinned = pinned or self.pins.get(runner.name.lower())
        if pinned is not None or job.id in self.pins.values():
            return pinned == job.id
        return runner.serves(job, self.groups)

    def _offer(self, job: Job, runner: Runner) -> None:
        del self.queue[job.id]
        if runner.timer:
            runner.timer.cancel()
        runner.offer, job.offered = job, runner
        job.offers += 1
        self._send(runner, {"type": "job", "job_id": job.id})
        # The documented 60 seconds: no new webhook comes when they are over.
        job.timer = self.timers.after(
            self.settings.pickup_timeout, lambda: self._not_picked_up(job, runner)
        )

    def _not_picked_up(self, job: Job, runner: Runner) -> None:
        runner.offer = None
        if runner.session:
            runner.session.forget_offers()
            runner.session.online = False
        self._requeue(job)

    def _requeue(self, job: Job) -> None:
        job.settle()
        job.offered = None
        self._line_up(job, first=True)

    def _withdraw(self, job: Job) -> None:
        self.queue.pop(job.id, None)
        job.settle()
        runner, job.offered = job.offered, None
        if runner is None:
            return
        runner.offer = None
        if runner.session:
            runner.session.forget_offers()
        if runner.idle:
            self.offer_to(runner)

    def _host(self, job: Job) -> None:
        self._hosted += 1
        self.take(job, f"GitHub Actions {self._hosted}", group=GROUPS[HOSTED_GROUP])

    def _end_elsewhere(self, job: Job) -> None:
        self.runs.conclude(job, job.plan.conclusion)

    def _let_go(self, job: Job, conclusion: Conclusion) -> None:
        runner, job.runner = job.runner, None
        if runner is not None:
            runner.job = None
        self.runs.conclude(job, conclusion)

    def _cut(self, job: Job) -> None:
        self._give_up(job, "cancelled")

    def _lease_lost(self, job: Job) -> None:
        self._give_up(job, "cancelled" if job.cancelling else "failure")

    def _give_up(self, job: Job, conclusion: Conclusion) -> None:
        runner = job.runner
        self._let_go(job, conclusion)
        if runner is not None and runner.removed_at is None:
            self.remove(runner, "lease_lost")

    def _drop_idle(self, runner: Runner) -> None:
        if not runner.busy:
            self.remove(runner, "idle" if runner.online_at else "unused")

    def _send(self, runner: Runner, message: dict[str, Any]) -> None:
        if runner.session is not None:
            runner.session.messages.append(message)
            self._ring(runner.session)
