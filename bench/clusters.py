"""A world in Kubernetes mode to be measured: its audit log, its pods, its streams."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench import audit, traffic
from bench.audit import AuditLog, Call
from runs_fleet.queues import valkey
from simulator.github.plans import Fault
from simulator.kube.world import KINDS, OURS
from simulator.world import Plan, World

# GitHub takes about so long to mint a JIT config.
MINT_SECONDS = 0.1
MINTS = Fault(method="POST", path="*/generate-jitconfig", times=1_000_000, delay=MINT_SECONDS)
PODS = KINDS["pods"]
RESOURCES = frozenset(path.rpartition("/")[2] for path in KINDS.values())
# What there is of each job without special wishes.
EACH = ("jobs", "pods", "configmaps", "secrets")
CHANGES = ("delete", "patch", "update")
WRITERS = 4
# A webhook that a busy machine has not answered comes again with the sweep, after two minutes.
PATIENCE = 400
AT_ONCE = {"gracePeriodSeconds": 0}


@dataclass(frozen=True)
class Clusters:
    """One world, and what its API server writes down."""

    world: World
    log: AuditLog

    def calls(self) -> list[Call]:
        """Read all calls so far."""
        return self.log.read()

    def served(self, jobs: Sequence[int], *, patience: float = 180) -> None:
        """Wait until every job's Secret is there, and GitHub knows all answers."""
        wanted = set(jobs)
        traffic.until(
            lambda: wanted - audit.made(self.calls(), "secrets").keys(), patience=patience
        )
        traffic.until(lambda: traffic.pending(self.world), patience=patience)

    def release(self, jobs: Sequence[int]) -> None:
        """Cancel jobs, wait until nothing is left of them, and remove what no kubelet will."""
        self.conclude(jobs)
        traffic.released(self.world, patience=PATIENCE)
        self.world.kube.cluster.api.delete(self._pods(), AT_ONCE)
        traffic.until(self.remaining, patience=60)

    def conclude(self, jobs: Sequence[int]) -> None:
        """Let GitHub conclude the runs of these jobs as cancelled; concluded ones stay so."""
        books, wanted = self.world.github.books(deliveries=False), set(jobs)
        for run in sorted({job.run_id for job in books.jobs if job.id in wanted}):
            self.world.github.cancel_run(run)

    def emptied(self, jobs: Sequence[int], *, since: float, patience: float = 180) -> None:
        """Wait until as many objects were removed as jobs have; that asks nobody but the log."""
        least = len(jobs) * len(EACH)
        traffic.until(
            lambda: max(0, least - len(audit.removed(self.calls(), since=since))), patience=patience
        )

    def finish_pods(self) -> None:
        """Say of every pod that it has come to a good end, as its kubelet does."""
        api, path = self.world.kube.cluster.api, self._pods()
        names = [pod["metadata"]["name"] for pod in self.world.kube.objects("pods")]
        said = {"status": {"phase": "Succeeded"}}
        with ThreadPoolExecutor(WRITERS) as threads:
            list(threads.map(lambda name: api.patch(f"{path}/{name}/status", said), names))

    def remaining(self) -> int:
        """Count all objects of runners, also those on their way out."""
        api, space = self.world.kube.cluster.api, self.world.kube.namespace
        paths = (f"{path.format(space)}?labelSelector={OURS}" for path in KINDS.values())
        return sum(len(api.get(path)["items"]) for path in paths)

    def valkey(self) -> dict[str, float]:
        """Count Valkey's commands so far; `cpu` is in milliseconds."""
        env = self.world.kube.env()
        name, password = (env[f"RUNS_FLEET_VALKEY_{key}"] for key in ("USERNAME", "PASSWORD"))
        client = valkey.connect(self.world.kube.valkey.url, username=name, password=password)
        try:
            return _commands(client.info("all"))
        finally:
            client.close()

    def version(self) -> str:
        """Name the API server's version."""
        return str(self.world.kube.cluster.api.get("/version")["gitVersion"])

    def _pods(self) -> str:
        return PODS.format(self.world.kube.namespace)


@contextmanager
def clusters(*, agents: bool) -> Iterator[Clusters]:
    """Start a world whose GitHub takes its time to mint; without `agents` no pod is started."""
    plan = Plan(modes=("k8s",), agents=agents, audit=True, github=traffic.AT_ONCE)
    with World(plan) as world:
        assert world.kube.plane is not None
        world.github.fault(MINTS)
        log = AuditLog(world.kube.plane.audit_log, world.kube.namespace)
        try:
            yield Clusters(world, log)
        finally:
            log.close()


def last_change(calls: Sequence[Call], *, since: float) -> float:
    """Tell when the last object of runners was changed or removed, whoever did it."""
    changes = (call for call in calls if call.resource in RESOURCES and call.verb in CHANGES)
    return max((call.at for call in changes if call.at >= since), default=since)


def _commands(info: dict[str, Any]) -> dict[str, float]:
    found = {
        name.removeprefix("cmdstat_"): float(stats["calls"])
        for name, stats in info.items()
        if name.startswith("cmdstat_")
    }
    cpu = float(info["used_cpu_user"]) + float(info["used_cpu_sys"])
    return {**found, "cpu": cpu * 1000}
