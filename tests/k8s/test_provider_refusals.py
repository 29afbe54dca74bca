"""What a real API server does not let the provider do, and how that is said."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from kubernetes.client import ApiClient

from runs_fleet.errors import NoCapacity, NotThere, Refused
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import JOBS, Cluster
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Site
from simulator.kube.cluster import Cluster as ControlPlane
from tests.k8s.orders import order
from tests.simulator.waiting import until

PATIENCE = 100.0
Limit = Callable[[str, int], None]


@pytest.fixture
def limit(api: ApiClient, namespace: str) -> Limit:
    """Let the namespace have no more than so many of a kind."""

    def limited(kind: str, most: int) -> None:
        path = f"/api/v1/namespaces/{namespace}/resourcequotas"
        quota = {"kind": "ResourceQuota", "apiVersion": "v1", "metadata": {"name": "most"}}
        Rest(api).post(path, {**quota, "spec": {"hard": {f"count/{kind}": str(most)}}})
        until(lambda: Rest(api).get(f"{path}/most").get("status", {}).get("used"), within=PATIENCE)

    return limited


def test_a_quota_that_is_used_up_is_no_capacity(provider: K8sProvider, limit: Limit) -> None:
    limit("jobs.batch", 0)
    with pytest.raises(NoCapacity, match="exceeded quota"):
        provider.create(order())


def test_no_job_stays_behind_for_which_there_is_no_more_than_itself(
    provider: K8sProvider, cluster: Cluster, limit: Limit
) -> None:
    limit("configmaps", 0)
    asked = order()
    with pytest.raises(NoCapacity, match="exceeded quota"):
        provider.create(asked)
    with pytest.raises(NotThere):
        cluster.read(JOBS, asked.runner)


@pytest.mark.parametrize("kind", ["jobs.batch", "configmaps"])
def test_a_repeat_finds_what_has_used_the_quota_up(
    provider: K8sProvider, cluster: Cluster, limit: Limit, kind: str
) -> None:
    asked = order()
    made = provider.create(asked)
    limit(kind, 1)
    assert provider.create(asked) == made
    assert cluster.read(JOBS, asked.runner)
    with pytest.raises(NoCapacity, match="exceeded quota"):
        provider.create(order())


def test_without_the_right_it_is_said_what_is_missing(
    control_plane: ControlPlane, site: Site, namespace: str
) -> None:
    kubeconfig = control_plane.kubeconfig_for("default", namespace=namespace)
    with connect(kubeconfig, pool=1) as client:
        nobody = K8sProvider(Cluster(Rest(client), namespace), site)
        with pytest.raises(Refused, match='cannot create resource "jobs"') as caught:
            nobody.create(order())
    assert caught.value.forbidden


def test_what_cannot_be_is_refused_in_the_servers_words(cluster: Cluster, site: Site) -> None:
    broken = replace(site, template={"spec": {"containers": [{"name": "Not A Name"}]}})
    with pytest.raises(Refused, match="Invalid value"):
        K8sProvider(cluster, broken).create(order())


def test_a_namespace_that_is_not_there_is_refused(api: ApiClient, site: Site) -> None:
    nowhere = Cluster(Rest(api), "no-such-namespace")
    with pytest.raises(Refused, match="namespace 'no-such-namespace' is not there"):
        K8sProvider(nowhere, replace(site, namespace="no-such-namespace")).create(order())


def test_warming_up_finds_what_the_operator_misspelt(cluster: Cluster, site: Site) -> None:
    misspelt = replace(site, template={"spec": {"dnsPolcy": "Default"}})
    with pytest.raises(Refused, match="unknown field"):
        K8sProvider(cluster, misspelt).warm_up()
