"""Memory and CPU time of a world's parts."""

from bench.host import cpu_seconds, rss_mib
from simulator.world import World

_PRODUCT = ("API", "worker", "Temporal")


def pids(world: World) -> dict[str, int]:
    """Name the processes of a world; machines are not among them."""
    assert world.api is not None
    assert world.github.process is not None
    assert world.temporal.process is not None
    return {
        "API": world.api.pid,
        "worker": world.workers[0].pid,
        "Temporal": world.temporal.process.pid,
        "GitHub": world.github.process.pid,
        **(_cluster(world) if "k8s" in world.plan.modes else {"AWS": world.aws.pid}),
    }


def _cluster(world: World) -> dict[str, int]:
    assert world.kube.plane is not None
    assert world.kube.valkey.process is not None
    return {**world.kube.plane.pids, "Valkey": world.kube.valkey.process.pid}


def memory(world: World) -> dict[str, float]:
    """Resident memory of the product and its Temporal server, in MiB."""
    return {name: rss_mib(pid) for name, pid in pids(world).items() if name in _PRODUCT}


class CpuMeter:
    """Counts CPU time from its making on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = self._read()

    def used_ms(self) -> dict[str, float]:
        """Milliseconds of each part so far."""
        return {name: (now - self._before[name]) * 1000 for name, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {name: cpu_seconds(pid) for name, pid in pids(self._world).items()}
