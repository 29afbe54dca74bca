"""Placeholders in a real cluster that has no nodes: made, counted, scaled and removed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from runs_fleet.errors import Refused
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.ports import Placeholders
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder
from runs_fleet.providers.k8s.cluster import DEPLOYMENTS, PODS, VOLUME_CLAIMS, Cluster
from runs_fleet.providers.k8s.placeholders import K8sPlaceholders
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site
from simulator.kube.api import MERGE
from simulator.kube.cluster import Cluster as ControlPlane
from tests.kube.priorities import priorities
from tests.simulator.waiting import until

PATIENCE = 100.0
POOL = "warm"
NAME = f"runs-fleet-pool-{POOL}"
OURS = f"runs-fleet.io/placeholder,runs-fleet.io/pool={POOL}"


@pytest.fixture
def somewhere(control_plane: ControlPlane, site: Site) -> Iterator[Site]:
    with priorities(control_plane) as classes:
        yield replace(site, placeholder_priority_class=classes.placeholder)


@pytest.fixture
def placeholders(cluster: Cluster, somewhere: Site) -> K8sPlaceholders:
    return K8sPlaceholders(cluster, somewhere)


def order(replicas: int, **more: Any) -> PlaceholderOrder:
    return PlaceholderOrder.model_validate(
        {"pool": POOL, "spec": RunnerSpec(), "replicas": replicas, **more}
    )


def pods(cluster: Cluster) -> list[Json]:
    return cluster.labelled(PODS, OURS)


def deployments(cluster: Cluster) -> list[Json]:
    return cluster.labelled(DEPLOYMENTS, OURS)


def say(control_plane: ControlPlane, cluster: Cluster, ready: str) -> None:
    """Have all pods run, as kubelets would tell it, and be ready or not."""
    told = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
    for pod in pods(cluster):
        path = f"/api/v1/namespaces/{cluster.namespace}/pods/{pod['metadata']['name']}/status"
        control_plane.api.patch(path, {"status": told}, kind=MERGE)


def test_the_adapter_is_the_port(placeholders: K8sPlaceholders) -> None:
    port: Placeholders = placeholders
    assert port.keep(order(0)) == PlaceholderFacts(ready=0)


def test_pods_are_made_and_wait_for_nodes(placeholders: K8sPlaceholders, cluster: Cluster) -> None:
    made = placeholders.keep(order(3))
    assert (made.ready, made.pending) == (0, 3)
    until(lambda: len(pods(cluster)) == 3, within=PATIENCE)
    until(lambda: "Unschedulable: " in placeholders.keep(order(3)).trouble, within=PATIENCE)


def test_pods_that_run_are_counted(
    placeholders: K8sPlaceholders, cluster: Cluster, control_plane: ControlPlane
) -> None:
    placeholders.keep(order(2))
    until(lambda: len(pods(cluster)) == 2, within=PATIENCE)
    say(control_plane, cluster, "True")
    ready = PlaceholderFacts(ready=2)
    until(lambda: placeholders.keep(order(2)) == ready, within=PATIENCE)
    more = placeholders.keep(order(5))
    assert (more.ready, more.pending) == (2, 3)


@pytest.mark.parametrize("fewer", [1, 0])
def test_pods_go_when_fewer_are_ordered(
    placeholders: K8sPlaceholders, cluster: Cluster, fewer: int
) -> None:
    placeholders.keep(order(3))
    until(lambda: len(pods(cluster)) == 3, within=PATIENCE)
    placeholders.keep(order(fewer))
    until(lambda: len(pods(cluster)) == fewer, within=PATIENCE)


def test_ordering_the_same_again_changes_nothing(
    placeholders: K8sPlaceholders, cluster: Cluster
) -> None:
    placeholders.keep(order(1))
    before = cluster.read(DEPLOYMENTS, NAME)["metadata"]["generation"]
    placeholders.keep(order(1))
    assert cluster.read(DEPLOYMENTS, NAME)["metadata"]["generation"] == before


def test_what_somebody_else_has_scaled_is_put_right(
    placeholders: K8sPlaceholders, cluster: Cluster, control_plane: ControlPlane
) -> None:
    placeholders.keep(order(1))
    path = f"/apis/apps/v1/namespaces/{cluster.namespace}/deployments/{NAME}"
    control_plane.api.patch(path, {"spec": {"replicas": 40}}, kind=MERGE)
    placeholders.keep(order(1))
    assert cluster.read(DEPLOYMENTS, NAME)["spec"]["replicas"] == 1


def test_another_image_or_size_rolls_all_pods(
    placeholders: K8sPlaceholders, cluster: Cluster, somewhere: Site
) -> None:
    placeholders.keep(order(2))
    until(lambda: len(pods(cluster)) == 2, within=PATIENCE)
    K8sPlaceholders(cluster, replace(somewhere, image="registry.example/runner:2")).keep(order(2))

    def images() -> list[str]:
        return [each["spec"]["containers"][0]["image"] for each in pods(cluster)]

    until(lambda: images() == ["registry.example/runner:2"] * 2, within=PATIENCE)


def test_pods_are_made_anew_once_when_that_is_ordered(
    placeholders: K8sPlaceholders, cluster: Cluster
) -> None:
    def there() -> set[str]:
        return {each["metadata"]["uid"] for each in pods(cluster)}

    placeholders.keep(order(2))
    until(lambda: len(there()) == 2, within=PATIENCE)
    before = there()
    anew = order(2, recycled_at="2026-03-02T12:00:00Z")
    placeholders.keep(anew)
    until(lambda: len(there()) == 2 and not there() & before, within=PATIENCE)

    generation = cluster.read(DEPLOYMENTS, NAME)["metadata"]["generation"]
    placeholders.keep(anew)
    # A manager that begins anew knows of no order.
    placeholders.keep(order(2))
    assert cluster.read(DEPLOYMENTS, NAME)["metadata"]["generation"] == generation


def test_a_pool_that_goes_leaves_nothing(placeholders: K8sPlaceholders, cluster: Cluster) -> None:
    cache = Cache(size=1, volumes=1)
    assert placeholders.keep(order(2, cache=cache)).volumes == (f"runs-fleet-cache-{POOL}-0",)
    until(lambda: len(pods(cluster)) == 2, within=PATIENCE)
    nothing = PlaceholderFacts(ready=0)
    until(lambda: placeholders.keep(order(0, remove=True)) == nothing, within=PATIENCE)
    until(lambda: pods(cluster) == deployments(cluster) == [], within=PATIENCE)
    assert cluster.labelled(VOLUME_CLAIMS, f"runs-fleet.io/pool={POOL}") == []


def test_pods_that_cannot_be_made_are_told_of(cluster: Cluster, site: Site) -> None:
    lacking = replace(site, placeholder_priority_class="never-was")
    placeholders = K8sPlaceholders(cluster, lacking)
    expected = "no PriorityClass with name never-was"
    until(lambda: expected in placeholders.keep(order(1)).trouble, within=PATIENCE)


def test_another_fleet_s_pool_is_refused(cluster: Cluster, somewhere: Site) -> None:
    K8sPlaceholders(cluster, replace(somewhere, fleet="other")).keep(order(1))
    for wanted in (order(2), order(0, remove=True)):
        with pytest.raises(Refused, match=f"{NAME} is there, and not of fleet default"):
            K8sPlaceholders(cluster, somewhere).keep(wanted)
    assert cluster.read(DEPLOYMENTS, NAME)["spec"]["replicas"] == 1


def test_without_a_namespace_it_is_said_so(somewhere: Site, cluster: Cluster) -> None:
    nowhere = Cluster(cluster._rest, "never-was")
    with pytest.raises(Refused, match="namespace 'never-was' is not there"):
        K8sPlaceholders(nowhere, replace(somewhere, namespace="never-was")).keep(order(1))
