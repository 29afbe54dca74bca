"""The machines of a pool in the model, beside those that are bought."""

from runs_fleet.errors import NoCapacity, Refused
from runs_fleet.models import Machine, RunnerSpec
from runs_fleet.pools.wire import MemberLaunched, MemberOrder, MemberStatus
from tests.model.cloud import Cloud
from tests.model.hosts import Host


class WarmCloud:
    """Machines that wait for a job; all of the port that a lifecycle uses."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.kept: dict[str, Host] = {}

    def keep(self, machine: Machine, member: str, *, running: bool) -> Host:
        """Have a machine that nobody has claimed; its agent stands by if it is running."""
        now = self._cloud.clock.seconds
        host = Host(machine, member, now, now, booted=running)
        self._cloud.hosts[machine.machine_id] = self.kept[member] = host
        return host

    def lose(self, machine: Machine) -> None:
        """Lose a machine, whoever has it by now."""
        host = self._cloud.hosts[machine.machine_id]
        if host.job is None and host.registered is None:
            self._cloud.faults += 1
            self._cloud.lose(host)

    def retire(self, host: Host, member: str) -> None:
        """Remove a member that nobody used: that it has become a runner breaks a promise."""
        if host.runner != member:
            self._cloud.violations.append(f"{member} was returned, and is {host.runner}")
        self._cloud.lose(host)

    def take(self, machine_id: str, *, runner: str, start: bool, repo: str = "") -> None:
        """Mark a member; a stopped one boots."""
        self._cloud.reachable()
        host = self._cloud.hosts[machine_id]
        if host.runner not in self.kept and host.runner != runner:
            raise Refused(f"{machine_id} is the machine of {host.runner}")
        if not host.alive:
            raise NoCapacity(f"{machine_id} is gone")
        first, host.runner = host.runner != runner, runner
        if start and first:
            self._cloud.boot(host)

    def remove(self, member: str, machine_id: str | None) -> bool:
        """Terminate a member's machine."""
        return self._cloud.terminate(self.kept[member].runner, machine_id)

    def wake(self, address: str) -> None:
        """A standing-by agent looks by itself."""

    def launch(self, order: MemberOrder) -> MemberLaunched:
        raise NotImplementedError

    def stop(self, machine_id: str) -> None:
        raise NotImplementedError

    def members(self, pool: str) -> list[MemberStatus]:
        raise NotImplementedError

    def site(self, spec: RunnerSpec) -> str:
        raise NotImplementedError
