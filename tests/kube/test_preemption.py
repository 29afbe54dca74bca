"""Room that is kept: a runner takes a placeholder's place on a full node, at once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import PODS
from runs_fleet.providers.k8s.cluster import Cluster as Namespace
from runs_fleet.providers.k8s.placeholders import K8sPlaceholders
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Json, Rest
from runs_fleet.providers.k8s.site import Site
from simulator.kube.cluster import Cluster
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents, NodePlan
from tests.k8s.orders import order
from tests.kube.cluster import OTHER
from tests.kube.jobs import PATIENCE, Jobs
from tests.kube.priorities import priorities
from tests.simulator.waiting import until

# Room for three pods of this size, and for nothing else.
SPEC = RunnerSpec(cpu=Span(least=2, most=2), arch="amd64")
SMALL = NodePlan("small", cpu="6", memory="24Gi")
FULL = 3
POOL = "warm"
PLACEHOLDER = f"runs-fleet.io/placeholder,runs-fleet.io/pool={POOL}"

pytestmark = pytest.mark.skipif(
    OTHER in os.environ, reason=f"{OTHER} is a cluster with nodes of its own"
)


@dataclass
class Place:
    """A node of three runners' room, and what a worker does there."""

    namespace: Namespace
    placeholders: K8sPlaceholders
    provider: K8sProvider
    jobs: Jobs
    nodes: Nodes

    def keep(self, replicas: int = FULL, **more: Any) -> PlaceholderFacts:
        """Order placeholders."""
        wanted = PlaceholderOrder(pool=POOL, spec=SPEC, replicas=replicas, **more)
        return self.placeholders.keep(wanted)

    def filled(self) -> set[str]:
        """Have the node full of placeholders; returns them."""
        until(lambda: self.keep().ready == FULL, within=PATIENCE)
        return {each["metadata"]["name"] for each in self.kept()}

    def kept(self) -> list[Json]:
        """The placeholders that there are."""
        return self.namespace.labelled(PODS, PLACEHOLDER)

    def order(self, **spec: Any) -> str:
        """Order the runner of a job; returns its name."""
        wanted = order(pool=POOL, **{**SPEC.model_dump(exclude_defaults=True), **spec})
        self.provider.create(wanted)
        return wanted.runner

    def placed(self, runner: str) -> Json:
        """Wait until a runner's pod is on the node."""
        return self.jobs.pod(runner, lambda pod: pod["spec"].get("nodeName"))


@pytest.fixture(params=["by class", "by default"])
def place(
    request: pytest.FixtureRequest, control_plane: Cluster, namespace: str, tmp_path: Path
) -> Iterator[Place]:
    agents = Agents(preload=())
    running = Nodes(
        control_plane.kubeconfig, tmp_path, namespace=namespace, plans=(SMALL,), agents=agents
    )
    with (
        priorities(control_plane) as classes,
        connect(control_plane.kubeconfig, pool=4) as client,
        running as nodes,
    ):
        site = Site(
            namespace,
            "example.com/runner:1",
            placeholder_priority_class=classes.placeholder,
            priority_class={"by class": classes.runner, "by default": ""}[request.param],
        )
        cluster = Namespace(Rest(client), namespace)
        yield Place(
            cluster,
            K8sPlaceholders(cluster, site),
            K8sProvider(cluster, site),
            Jobs(control_plane.api, namespace),
            nodes,
        )
        K8sPlaceholders(cluster, site).keep(
            PlaceholderOrder(pool=POOL, spec=SPEC, replicas=0, remove=True)
        )


def unplaced(pods: list[Json]) -> list[Json]:
    return [pod for pod in pods if "nodeName" not in pod["spec"]]


def test_a_runner_takes_a_placeholder_s_place_and_another_one_waits(place: Place) -> None:
    before = place.filled()
    pod = place.placed(place.order())
    assert pod["spec"]["nodeName"].startswith("small")
    until(lambda: len(place.kept()) == FULL and len(unplaced(place.kept())) == 1, within=PATIENCE)
    left = before & {each["metadata"]["name"] for each in place.kept()}
    assert len(left) == FULL - 1
    facts = place.keep()
    assert (facts.ready, facts.pending) == (FULL - 1, 1)
    until(lambda: "Unschedulable" in place.keep().trouble, within=PATIENCE)


def test_room_that_a_runner_leaves_is_kept_again(place: Place) -> None:
    place.filled()
    runner = place.order()
    place.placed(runner)
    place.provider.terminate(runner)
    until(lambda: place.keep().ready == FULL, within=PATIENCE)
    assert unplaced(place.kept()) == []


def test_as_many_runners_as_placeholders_find_room(place: Place) -> None:
    place.filled()
    runners = [place.order() for _ in range(FULL)]
    placed = [place.placed(runner) for runner in runners]
    assert len({each["metadata"]["name"] for each in placed}) == FULL
    until(lambda: len(unplaced(place.kept())) == FULL, within=PATIENCE)


def test_runners_never_take_each_other_s_place(place: Place) -> None:
    place.filled()
    placed = [place.placed(place.order())["metadata"]["uid"] for _ in range(FULL)]
    late = place.order()
    stuck = place.jobs.pod(late, lambda pod: pod["status"].get("conditions"))
    assert stuck["status"]["conditions"][0]["reason"] == "Unschedulable"
    there = place.namespace.labelled(PODS, "runs-fleet.io/runner")
    alive = {each["metadata"]["uid"] for each in there if "nodeName" in each["spec"]}
    assert alive == set(placed)


def test_placeholders_are_no_machines_of_anybody(place: Place) -> None:
    place.filled()
    assert {record.runner for record in place.nodes.pods()} <= {"", None}


def test_a_leased_cache_is_in_the_runner_s_pod(place: Place) -> None:
    (volume,) = place.keep(cache=Cache(size=1, volumes=1)).volumes
    wanted = order(pool=POOL, **SPEC.model_dump(exclude_defaults=True)).model_copy(
        update={"cache": volume}
    )
    place.provider.create(wanted)
    pod = place.placed(wanted.runner)
    claims = [each.get("persistentVolumeClaim") for each in pod["spec"]["volumes"]]
    assert {"claimName": volume} in claims
