"""Priority classes of a test's own: they belong to the whole cluster."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from simulator.kube.cluster import Cluster

PLACEHOLDERS, RUNNERS = -10, 0
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


@dataclass(frozen=True)
class Priorities:
    """What placeholders are worth, and runners."""

    placeholder: str
    runner: str


@contextmanager
def priorities(cluster: Cluster) -> Iterator[Priorities]:
    """Make both, as the chart does, under names that nobody else has."""
    suffix = uuid.uuid4().hex[:12]
    made = Priorities(f"placeholder-{suffix}", f"runner-{suffix}")
    for name, value in ((made.placeholder, PLACEHOLDERS), (made.runner, RUNNERS)):
        body = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "PreemptLowerPriority" if value == RUNNERS else "Never",
        }
        cluster.api.post(CLASSES, body)
    try:
        yield made
    finally:
        for name in (made.placeholder, made.runner):
            cluster.api.delete(f"{CLASSES}/{name}")
