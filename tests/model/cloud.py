"""The cloud in the model: machines that boot, get an agent its config, and may be taken away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from runs_fleet.errors import NoCapacity, Unavailable
from runs_fleet.models import (
    Machine,
    MachineEvent,
    MachineOrder,
    MachineStatus,
    Market,
)
from runs_fleet.ports import RunnerConfig
from tests.model.agents import Agents
from tests.model.chaos import Chaos, reachable, within
from tests.model.clock import Clock
from tests.model.github import GitHub, Job
from tests.model.hosts import Host, Told

CONFIG_TIMEOUT = 600.0
LEASE = 700.0


@dataclass
class Cloud:
    """Provider and config store; `faults` counts what may cost a further machine."""

    clock: Clock
    chaos: Chaos
    github: GitHub
    told: Told
    hosts: dict[str, Host] = field(default_factory=dict)
    tokens: dict[str, Host] = field(default_factory=dict)
    configs: dict[str, RunnerConfig] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    may_force: Callable[[Host], bool] = lambda host: False
    force: bool = False
    faults: int = 0
    agents: Agents = field(init=False)

    def __post_init__(self) -> None:
        self.agents = Agents(self.clock, self.chaos, self.github, self.told, self._end)

    # What the product calls.

    def create(self, order: MachineOrder) -> Machine:
        self.reachable()
        if found := self.tokens.get(order.token):
            return found.machine
        if within(self.chaos.full[order.rung.market], self.clock.seconds):
            raise NoCapacity(f"no {order.rung.market}")
        machine_id = f"i-{len(self.hosts)}"
        machine = Machine(machine_id=machine_id, market=order.rung.market, price=0.1)
        born = self.clock.seconds
        host = Host(machine, order.runner, born, born + self.chaos.up_to("shows_late"))
        self.hosts[machine_id] = self.tokens[order.token] = host
        self.clock.after(self.chaos.between(15, 60), lambda: self._boot(host))
        if within(self.chaos.doomed, self.clock.seconds):
            self.faults += 1
            self.clock.after(5, lambda: self._die(host, "Server.InternalError", taken=True))
        if order.rung.market is Market.SPOT and self.chaos.hits("reclaimed"):
            self.clock.after(self.chaos.between(5, 1500), lambda: self._reclaim(host))
        return machine

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        self.reachable()
        mine = [
            host
            for host in self.hosts.values()
            if host.runner == runner
            and (host.machine.machine_id == machine_id or self.clock.seconds >= host.visible_at)
        ]
        for host in mine:
            self._guard(host)
            self._die(host, "shutting-down")
        return bool(mine)

    def _guard(self, host: Host) -> None:
        """The order of a removal: nobody can give it a job, and nobody did."""
        if not host.alive:
            return
        if self.force:
            if not self.may_force(host):
                self.violations.append(f"{host.runner} was forced away")
            return
        if host.job is not None and not host.job.over:
            self.violations.append(f"{host.runner} was killed while it worked {host.job.job_id}")
        if host.runner in self.github.runners and self.github.runners[host.runner].accept:
            self.violations.append(f"{host.runner} was terminated while GitHub could use it")

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        raise NotImplementedError

    def find(self, runner: str) -> list[MachineStatus]:
        self.reachable()
        return [
            MachineStatus(
                machine_id=host.machine.machine_id,
                state="running" if host.alive else "gone",
                taken=host.taken,
            )
            for host in self.hosts.values()
            if host.runner == runner
        ]

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        if self.chaos.hits("store_fails"):
            self.faults += 1
            raise Unavailable("HTTP 500")
        self.configs[machine_id] = config
        self._take_config(self.hosts[machine_id])

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        return self.configs.get(machine_id)

    def delete(self, machine_id: str) -> None:
        self.configs.pop(machine_id, None)

    def reachable(self) -> None:
        reachable(self.chaos.cloud_away, self.clock.seconds)

    def boot(self, host: Host) -> None:
        self.clock.after(self.chaos.between(5, 30), lambda: self._boot(host))

    def lose(self, host: Host) -> None:
        self._die(host, "terminated")

    # What happens by itself.

    def _boot(self, host: Host) -> None:
        if self.chaos.hits("never_boots"):
            self.faults += 1
            return
        host.booted = True
        self._take_config(host)
        self.clock.after(CONFIG_TIMEOUT, lambda: self._tire(host))

    def _tire(self, host: Host) -> None:
        if host.config is None:
            self._end(host)

    def _take_config(self, host: Host) -> None:
        config = self.configs.get(host.machine.machine_id)
        if not (host.alive and host.booted and config and host.config is None):
            return
        host.config = config
        left = self.chaos.rng.random() < 0.05
        if not left:
            self.delete(host.machine.machine_id)
        self.agents.begin(host, config, left=left)

    def cancel(self, job: Job) -> None:
        """Somebody cancels a job at GitHub."""
        if job.over:
            return
        job.cancelled = True
        host = next((each for each in self.hosts.values() if each.job is job), None)
        if job.started_at is None:
            self.github.conclude(job, "cancelled")
        elif host is not None and host.alive:
            self.clock.after(5, lambda: self.agents.complete(host, "cancelled", "Canceled"))

    def _end(self, host: Host) -> None:
        self._die(host, "shutting-down")

    def _reclaim(self, host: Host) -> None:
        """The cloud takes a machine back, two minutes after a notice if there is one."""
        if not host.alive:
            return
        self.faults += 1
        if not self.chaos.hits("noticed"):
            self._die(host, "terminated", taken=True)
            return
        host.noticed = True
        self.agents.say(host, "interrupted", detail="spot notice")
        self._event(host, "interruption", "terminate")
        if host.job is None:
            self.agents.finish(host, "interrupted")
        self.clock.after(120, lambda: self._shut_down(host))

    def _shut_down(self, host: Host) -> None:
        """A noticed machine goes; sometimes its runner still has the time to say so."""
        if host.job and not host.job.over and self.chaos.rng.random() < 0.5:
            host.job.lost = True
            self.agents.complete(host, "cancelled", "Canceled", detail="interrupted")
            self.agents.say(host, "finished", outcome="Canceled", detail="interrupted")
        self._die(host, "shutting-down", taken=True)

    def _die(self, host: Host, cause: str, *, taken: bool = False) -> None:
        if not host.alive:
            return
        host.alive, host.ended_at, host.taken = False, self.clock.seconds, taken
        self.told.log("machine gone", host.runner, cause)
        self._event(host, "gone", cause)
        if host.registered:
            host.registered.accept = None
        job = host.job
        if job is not None and not job.over:
            job.lost = not self.force
            delay = self.chaos.rng.choice((29, 170, LEASE))
            self.clock.after(delay, lambda: self.github.conclude(job, "failure"))

    def _event(self, host: Host, kind: Any, cause: str) -> None:
        event = MachineEvent(
            machine_id=host.machine.machine_id, kind=kind, cause=cause, at=self.clock.now
        )
        self.told.event(host.runner, event)
