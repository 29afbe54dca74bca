"""The pods that keep room for a pool's runners, as one Deployment; pure.

A runner's pod is worth more, so the scheduler takes a placeholder away for it; what the Deployment
makes instead waits for room, for which an autoscaler brings a node.
https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/
"""

from typing import Any

from runs_fleet.models import MachineOrder, Market, Rung, RunnerSpec
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.providers.k8s import pod
from runs_fleet.providers.k8s.marks import (
    ATTEMPT,
    FLEET,
    JOB_ID,
    MANAGER,
    PLACEHOLDER,
    POOL,
    RECYCLED,
    RUNNER,
    fleet_labels,
)
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import DOCKER, LABELS, MANAGED_BY

Object = dict[str, Any]

# The runner's own image: it is there when a runner comes, and being in use the node keeps it.
ASLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep infinity & wait"]
# Not 0: a scheduler that finds its victim gone already may forget the runner for minutes.
# https://github.com/kubernetes/kubernetes/issues/141694
GRACE = 1
# What decides on which nodes a pod may be, and what it needs to be there.
KEPT = (
    "affinity", "automountServiceAccountToken", "enableServiceLinks", "imagePullSecrets",
    "nodeSelector", "resources", "runtimeClassName", "schedulerName", "securityContext",
    "serviceAccountName", "tolerations", "topologySpreadConstraints",
)  # fmt: skip
# Never more pods than ordered: each might cost a node. Never stuck on pods that wait for one.
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}}


PREFIX = f"{MANAGER}-pool-"


def name(pool: str) -> str:
    """Name a pool's Deployment."""
    return f"{PREFIX}{pool}"


def is_name(text: str) -> bool:
    """Tell the name of a pool's Deployment from a runner's or a volume's."""
    return text.startswith(PREFIX)


def deployment(order: PlaceholderOrder, site: Site, *, recycled: str = "") -> Object:
    """Make pods of the same size on the same nodes as the pool's runners, and as confined.

    `recycled` is what the Deployment there says of when its pods were to be made anew: the same
    again, unless the order says otherwise, leaves them.
    """
    template = pod.template(_runner(order.spec), site)
    labels = {**fleet_labels(site), POOL: order.pool, PLACEHOLDER: "true"}
    chosen = {key: labels[key] for key in (MANAGED_BY, FLEET, POOL, PLACEHOLDER)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name(order.pool), "namespace": site.namespace, "labels": labels},
        "spec": {
            "replicas": order.replicas,
            "revisionHistoryLimit": 1,
            "strategy": ROLLING,
            "selector": {"matchLabels": chosen},
            "template": {
                "metadata": _metadata(template["metadata"], labels, _at(order) or recycled),
                "spec": _spec(template["spec"], site),
            },
        },
    }


def _runner(spec: RunnerSpec) -> MachineOrder:
    """Stand in for an attempt of a job that asks for just what the pool is."""
    market = Market.SPOT if spec.spot else Market.ON_DEMAND
    return MachineOrder(
        runner="", token="", job_id=0, attempt=0, repo="", spec=spec, rung=Rung(market=market)
    )


def recycled(there: Object) -> str:
    """Read when a Deployment's pods were to be made anew."""
    notes = there["spec"]["template"]["metadata"].get("annotations") or {}
    return str(notes.get(RECYCLED, ""))


def _at(order: PlaceholderOrder) -> str:
    return order.recycled_at.isoformat() if order.recycled_at else ""


def _metadata(runners: Object, labels: dict[str, str], at: str) -> Object:
    """Keep what the operator's part of a pod says, and nothing that is a runner's alone."""
    given = {key: text for key, text in runners["labels"].items() if key not in OF_A_RUNNER}
    notes = {
        key: text
        for key, text in runners["annotations"].items()
        if not key.startswith(LABELS) and key not in pod.LEAVE_ALONE
    }
    if at:
        notes[RECYCLED] = at
    found = {"labels": {**given, **labels}}
    return {**found, "annotations": notes} if notes else found


OF_A_RUNNER = {RUNNER, JOB_ID, ATTEMPT}


def _spec(runners: Object, site: Site) -> Object:
    beside = [each for each in runners.get("initContainers", []) if _is_sidecar(each)]
    return {
        **{key: runners[key] for key in KEPT if key in runners},
        "priorityClassName": site.placeholder_priority_class,
        "terminationGracePeriodSeconds": GRACE,
        "containers": [_asleep(each, site) for each in (*runners["containers"], *beside)],
    }


def _is_sidecar(container: Object) -> bool:
    return container.get("restartPolicy") == "Always"


def _asleep(container: Object, site: Site) -> Object:
    """Ask for what a container would, and do nothing.

    Only of images of our own choice it is known that they can sleep.
    """
    image = site.docker.image if container["name"] == DOCKER else site.image
    return {
        "name": container["name"],
        "image": image,
        "imagePullPolicy": site.pull_policy,
        "command": ASLEEP,
        "resources": container.get("resources", {}),
        "securityContext": pod.confined(),
    }
