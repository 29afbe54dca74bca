"""A client of the cluster that tests stand on, made as a worker makes its own."""

from kubernetes.client import ApiClient

from runs_fleet.providers.k8s.client import connect
from simulator.kube.cluster import Cluster


def connected(cluster: Cluster) -> ApiClient:
    """Be the cluster's administrator; the caller closes it."""
    return connect(cluster.kubeconfig, pool=16)
