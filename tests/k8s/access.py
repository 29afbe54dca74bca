"""A client of the cluster that tests stand on, made as a worker makes its own."""

from collections.abc import Callable

from kubernetes import client, config

from simulator.kube.cluster import Cluster


def connected(cluster: Cluster) -> client.ApiClient:
    """Be the cluster's administrator; the caller closes it."""
    access = client.Configuration()
    load: Callable[..., None] = config.load_kube_config
    load(str(cluster.kubeconfig), client_configuration=access)
    return client.ApiClient(access)
