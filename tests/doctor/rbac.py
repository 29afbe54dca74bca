"""A worker's service account, and the rights that its chart would give it."""

from pathlib import Path
from typing import Any

from cli.checks.rights import Right, needed
from simulator.kube.cluster import Cluster

GROUP = "rbac.authorization.k8s.io"
NAMED: dict[str, Any] = {"apiVersion": f"{GROUP}/v1", "metadata": {"name": "worker"}}


def account(cluster: Cluster, namespace: str) -> Path:
    """Make the account, and write its kubeconfig."""
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "worker"}}
    cluster.api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", body)
    return cluster.kubeconfig_for("worker", namespace=namespace)


def grant(cluster: Cluster, namespace: str, *, without: Right | None = None) -> None:
    """Let the account do what a worker must, but for one thing."""
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}"
    rules = [
        {"apiGroups": [right.group], "resources": [right.resource], "verbs": [right.verb]}
        for right in needed()
        if right != without
    ]
    cluster.api.post(f"{path}/roles", {**NAMED, "kind": "Role", "rules": rules})
    binding = {
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": "worker"},
        "subjects": [{"kind": "ServiceAccount", "name": "worker", "namespace": namespace}],
    }
    cluster.api.post(f"{path}/rolebindings", {**NAMED, **binding})
