"""What simulated nodes are like, what containers run on them, and how patient they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Arch = Literal["amd64", "arm64"]


@dataclass(frozen=True)
class NodePlan:
    """One node; `taints` are written as `key=value:Effect`."""

    name: str
    arch: Arch = "amd64"
    zone: str = "us-east-1a"
    spot: bool = False
    instance_type: str = "m7i.48xlarge"
    cpu: str = "2000"
    memory: str = "8Ti"
    disk: str = "100Ti"
    pods: int = 2000
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[str, ...] = ()


USUAL = (
    NodePlan("amd64-a"),
    NodePlan("amd64-b", zone="us-east-1b"),
    NodePlan("amd64-spot", zone="us-east-1b", spot=True),
    NodePlan("arm64-a", arch="arm64", instance_type="m8g.48xlarge"),
    NodePlan(
        "arm64-spot", arch="arm64", zone="us-east-1b", spot=True, instance_type="m8g.48xlarge"
    ),
)


@dataclass(frozen=True)
class Agents:
    """How a container with `RUNS_FLEET_MODE=k8s` runs: a module, forked with all imports done.

    `runner` is a folder that each container gets a copy of as its RUNS_FLEET_RUNNER_DIR.
    """

    module: str = "agent.__main__"
    preload: tuple[str, ...] = (
        "agent.__main__",
        "runs_fleet.providers.k8s.files",
        "runs_fleet.queues.valkey",
    )
    runner: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Manners:
    """What can be changed while nodes run. Times are seconds.

    A kubelet doubles the pause between two tries to mount up to two minutes; nobody wants to
    wait for that in a test. `idle` are images that only wait for their end, as a pause container.
    The next `mute` agents that start never say a word. Nodes that start without `kubelets` take
    pods, and do nothing with them.
    """

    boot_seconds: float = 0.2
    boot_spread: float = 0.1
    mount_retry: float = 0.5
    mount_retry_most: float = 2.0
    mount_event_after: float = 2.0
    stalled_look: float = 0.2
    lease_every: float = 10.0
    mute: int = 0
    kubelets: bool = True
    idle: tuple[str, ...] = ("*pause*", "*dind*", "docker:*", "*/docker:*")
