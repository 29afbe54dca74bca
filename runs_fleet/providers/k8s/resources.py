"""How many cpus, how much memory and disk a label's machine is in a cluster; pure."""

from typing import Any

from runs_fleet.models import RunnerSpec
from runs_fleet.providers.k8s.site import Storage
from runs_fleet.sizes import memory

CPU, MEMORY, DISK = "cpu", "memory", "ephemeral-storage"
# A daemon by itself; what it runs is counted as the job's own, up to the job's limits.
DAEMON = {CPU: "100m", MEMORY: "256Mi"}


def runner(spec: RunnerSpec, storage: Storage) -> dict[str, Any]:
    """Request the least, allow the most.

    Memory without a most is limited to what is requested: a node that promised more than it has
    ends runners at work.
    https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/
    """
    gib = memory(spec)
    requests = {CPU: str(spec.cpu.least), MEMORY: f"{gib}Gi"}
    limits = {MEMORY: f"{max(spec.ram.most or 0, gib)}Gi"}
    if spec.cpu.most:
        limits[CPU] = str(spec.cpu.most)
    if spec.disk and not has_volume(spec, storage):
        requests[DISK] = limits[DISK] = f"{spec.disk}Gi"
    return {"requests": requests, "limits": limits}


def daemon(spec: RunnerSpec) -> dict[str, Any]:
    """What a Docker daemon needs, and the job's containers in it may take."""
    limits = runner(spec, Storage())["limits"]
    return {"requests": DAEMON, "limits": {k: limits[k] for k in (CPU, MEMORY) if k in limits}}


def has_volume(spec: RunnerSpec, storage: Storage) -> bool:
    """Tell whether the disk is a volume of its own."""
    return (
        spec.disk is not None
        and storage.volume_above is not None
        and spec.disk > storage.volume_above
    )
