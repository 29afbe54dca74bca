"""A namespace of a real cluster, with a provider in it as a worker wires it."""

from collections.abc import Iterator

import pytest
from kubernetes.client import ApiClient

from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import Cluster
from runs_fleet.providers.k8s.configs import K8sConfigStore
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Site
from simulator.kube.cluster import Cluster as ControlPlane

IMAGE = "registry.example/runner:1"


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[ApiClient]:
    with connect(control_plane.kubeconfig, pool=4) as client:
        yield client


@pytest.fixture
def cluster(api: ApiClient, namespace: str) -> Cluster:
    return Cluster(Rest(api), namespace)


@pytest.fixture
def site(namespace: str) -> Site:
    return Site(namespace, IMAGE)


@pytest.fixture
def owners(cluster: Cluster) -> Owners:
    return Owners(cluster)


@pytest.fixture
def provider(cluster: Cluster, site: Site, owners: Owners) -> K8sProvider:
    return K8sProvider(cluster, site, owners=owners)


@pytest.fixture
def configs(cluster: Cluster, owners: Owners) -> K8sConfigStore:
    return K8sConfigStore(cluster, owners=owners)
