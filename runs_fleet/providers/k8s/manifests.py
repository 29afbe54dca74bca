"""Whole objects as the API takes them, one function each; pure."""

import json
from collections.abc import Iterator
from typing import Any

from runs_fleet.models import MachineOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import pod, resources
from runs_fleet.providers.k8s.files import to_secret
from runs_fleet.providers.k8s.marks import RUNNER, job_reference, metadata
from runs_fleet.providers.k8s.site import Site

Object = dict[str, Any]

KEPT_AFTER_END = 300
TAKEN = {
    "action": "FailJob",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}
DNS = 53
HTTPS = 443
# https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
LOCAL_DNS = "169.254.20.10/32"
PRIVATE_4 = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
]  # fmt: skip
# Global unicast is all in 2000::/3; 2002::/16 and 64:ff9b::/96 would lead into IPv4.
PUBLIC_6, PRIVATE_6 = "2000::/3", ["2001:db8::/32", "2002::/16"]


def job(order: MachineOrder, site: Site, *, cache: str = "") -> Object:
    """One attempt: never tried twice by Kubernetes, for only the lifecycle knows what became of it.

    The order's volume is mounted at `cache`, if that says where.
    `podReplacementPolicy` lets a Job fail only when its pod has ended, not when it is told to. With
    the `podFailurePolicy` it can say that its pod was taken when that is not there any more.
    https://kubernetes.io/docs/concepts/workloads/controllers/job/
    """
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(order, site),
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [TAKEN]},
            "ttlSecondsAfterFinished": KEPT_AFTER_END,
            "activeDeadlineSeconds": site.deadline,
            "template": pod.template(order, site, cache=cache),
        },
    }


def config_map(order: MachineOrder, site: Site, *, owner: str) -> Object:
    """What is not secret of a runner's config."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(order, site, owner=owner),
        "data": {
            "repo": order.repo,
            "labels": json.dumps(order.labels),
            "runner_group": site.runner_group,
            "job_id": str(order.job_id),
            "runner": order.runner,
            "attempt": str(order.attempt),
            "pool": order.spec.pool or "",
        },
    }


def secret(name: str, config: RunnerConfig, *, owner: Object, reports_ca: str = "") -> Object:
    """What is secret of it; named and marked as its Job is, which `owner` holds."""
    marked = owner["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": marked.get("labels") or {},
            "annotations": marked.get("annotations") or {},
            "ownerReferences": [job_reference(name, marked["uid"])],
        },
        "type": "Opaque",
        "stringData": to_secret(config, reports_ca=reports_ca),
    }


def network_policy(order: MachineOrder, site: Site, *, owner: str) -> Object:
    """Let nobody in, and out only to DNS, public addresses by HTTPS, and Valkey."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(order, site, owner=owner),
        "spec": {
            "podSelector": {"matchLabels": {RUNNER: order.runner}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [_dns(), _public(), _valkey(site)],
        },
    }


def volume_claim(order: MachineOrder, site: Site, *, owner: str) -> Object:
    """The disk, where it is a volume."""
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{order.spec.disk}Gi"}},
    }
    if site.storage.storage_class:
        spec["storageClassName"] = site.storage.storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(order, site, owner=owner),
        "spec": spec,
    }


def dependents(order: MachineOrder, site: Site, *, owner: str) -> Iterator[Object]:
    """All that a Job needs beside it, its Secret aside."""
    yield config_map(order, site, owner=owner)
    if order.spec.private:
        yield network_policy(order, site, owner=owner)
    if resources.has_volume(order.spec, site.storage):
        yield volume_claim(order, site, owner=owner)


def _dns() -> Object:
    ports = [{"protocol": protocol, "port": DNS} for protocol in ("UDP", "TCP")]
    cluster = {
        "namespaceSelector": {},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {"to": [cluster, {"ipBlock": {"cidr": LOCAL_DNS}}], "ports": ports}


def _public() -> Object:
    blocks = [("0.0.0.0/0", PRIVATE_4), (PUBLIC_6, PRIVATE_6)]
    return {
        "to": [{"ipBlock": {"cidr": cidr, "except": private}} for cidr, private in blocks],
        "ports": [{"protocol": "TCP", "port": HTTPS}],
    }


def _valkey(site: Site) -> Object:
    return {
        "to": list(site.valkey_peers),
        "ports": [{"protocol": "TCP", "port": site.valkey_port}],
    }
