"""The agents of the model's machines: they register, wait, work a job, and end their machine."""

from collections.abc import Callable
from dataclasses import dataclass

from runs_fleet.models import ReportKind, RunnerReport
from runs_fleet.ports import RunnerConfig
from tests.model.chaos import Chaos
from tests.model.clock import Clock
from tests.model.github import GitHub, Job
from tests.model.hosts import Host, Told


@dataclass
class Agents:
    """All of them; `end` ends a machine, `faults` counts what may cost a further one."""

    clock: Clock
    chaos: Chaos
    github: GitHub
    told: Told
    end: Callable[[Host], None]
    faults: int = 0

    def begin(self, host: Host, config: RunnerConfig, *, left: bool) -> None:
        """An agent has its config, which it may have `left` in the store."""
        self.say(host, "ready", detail="config not removed" if left else "")
        self.clock.after(self.chaos.between(0.5, 3), lambda: self._connect(host, config))

    def _connect(self, host: Host, config: RunnerConfig) -> None:
        found = self.github.runners.get(host.runner)
        if not host.alive:
            return
        if self.chaos.hits("breaks"):
            self.faults += 1
            self.finish(host, "broken", kind="failed")
            return
        if found is None or str(found.runner_id) != config.jit_config:
            self.finish(host, "registration_lost")
            return
        host.registered, found.accept = found, lambda job: self._accept(host, job)
        self.clock.after(config.idle_limit, lambda: self._idle(host))
        if self.chaos.hits("idle_dropped"):
            self.clock.after(self.chaos.between(120, 360), lambda: self._unregister(host))
        self.github.assign()

    def _idle(self, host: Host) -> None:
        if host.job is None:
            self.finish(host, "idle")

    def _unregister(self, host: Host) -> None:
        """GitHub drops a runner that has waited for some minutes."""
        found = host.registered
        if found and found.job is None and self.github.runners.get(host.runner) is found:
            self.faults += 1
            del self.github.runners[host.runner]
            self.finish(host, "registration_lost")

    def _accept(self, host: Host, job: Job) -> None:
        self.clock.after(self.chaos.between(0.2, 4), lambda: self._start(host, job))

    def _start(self, host: Host, job: Job) -> None:
        if not host.alive or host.result or not self.github.start(job):
            return
        host.job = job
        self.told.log("starts", job.job_id, host.runner)
        self.say(host, "started", job=str(job.job_id))
        bad = self.chaos.rng.random() < 0.2
        conclusion, result = ("failure", "Failed") if bad else ("success", "Succeeded")
        self.clock.after(job.seconds, lambda: self.complete(host, conclusion, result))

    def complete(self, host: Host, conclusion: str, result: str, *, detail: str = "") -> None:
        """A job comes to its end on a machine that is still there."""
        if not host.alive or host.job is None or host.job.over:
            return
        self.github.conclude(host.job, conclusion)
        self.clock.after(1, lambda: self.finish(host, result, detail=detail))

    def finish(
        self, host: Host, outcome: str, *, kind: ReportKind = "finished", detail: str = ""
    ) -> None:
        """The agent's runner ends; the agent ends its machine, unless it hangs."""
        if not host.alive or host.result:
            return
        host.result = outcome
        if host.registered and self.github.runners.get(host.runner) is host.registered:
            host.registered.accept = None
        self.say(host, kind, outcome=outcome, detail=detail)
        if not self.chaos.hits("hangs"):
            self.clock.after(self.chaos.between(1, 6), lambda: self.end(host))

    def say(self, host: Host, kind: ReportKind, **facts: str) -> None:
        report = RunnerReport(runner=host.runner, kind=kind, at=self.clock.now, **facts)
        self.told.report(report)
