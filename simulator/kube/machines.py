"""Node objects and their leases: pure."""

from datetime import UTC, datetime

from runs_fleet.placement import family
from simulator.kube.api import Json
from simulator.kube.cluster import WORLD
from simulator.kube.plans import NodePlan
from simulator.kube.status import condition

REGION = "us-east-1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LEASE_SECONDS = 40


def node(plan: NodePlan, name: str, *, world: str | None) -> Json:
    """Write a node that is ready."""
    market = "spot" if plan.spot else "on-demand"
    kind = family(plan.instance_type.partition(".")[0])
    labels = {
        "kubernetes.io/arch": plan.arch,
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": plan.instance_type,
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": plan.zone,
        "karpenter.sh/capacity-type": market,
        "karpenter.sh/nodepool": "simulated",
        "karpenter.k8s.aws/instance-family": plan.instance_type.partition(".")[0],
        "karpenter.k8s.aws/instance-category": kind.series,
        "karpenter.k8s.aws/instance-generation": str(kind.generation),
        **({WORLD: world} if world else {}),
        **plan.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "providerID": f"simulated:///{plan.zone}/{name}",
            "taints": [_taint(text) for text in plan.taints],
        },
        "status": {
            "capacity": capacity(plan),
            "allocatable": capacity(plan),
            "conditions": [ready()],
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": _info(plan),
        },
    }


def capacity(plan: NodePlan) -> Json:
    """What a node has to give."""
    return {
        "cpu": plan.cpu,
        "memory": plan.memory,
        "ephemeral-storage": plan.disk,
        "pods": str(plan.pods),
    }


def nothing(plan: NodePlan) -> Json:
    """What a full node has to give."""
    return {**capacity(plan), "cpu": "0", "memory": "0"}


def ready() -> Json:
    """A node that is well."""
    return condition(
        "Ready", True, reason="KubeletReady", message="kubelet is posting ready status"
    )


def silent() -> Json:
    """A node that nobody hears of any more."""
    return {
        **condition("Ready", False, reason="NodeStatusUnknown"),
        "status": "Unknown",
        "message": "Kubelet stopped posting node status.",
    }


def lease(name: str) -> Json:
    """Write a node's lease, renewed at this moment."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
        },
    }


def _taint(text: str) -> Json:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": effect}


def _info(plan: NodePlan) -> Json:
    names = ("bootID", "kernelVersion", "machineID", "osImage", "systemUUID")
    return {
        **dict.fromkeys(names, "simulated"),
        "architecture": plan.arch,
        "containerRuntimeVersion": "simulated://1",
        "kubeProxyVersion": "",
        "kubeletVersion": "v1.36.2",
        "operatingSystem": "linux",
    }
