"""Fixtures for every test that needs Kubernetes: one control plane for the whole run.

A directory of tests takes them over in its conftest.py:

    from tests.kube.cluster import control_plane, namespace, nodes, pytest_collection_modifyitems

`RUNS_FLEET_TEST_KUBECONFIG` names another cluster to run the tests on.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from simulator.kube import building, sharing
from simulator.kube.cluster import Cluster
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents

OTHER = "RUNS_FLEET_TEST_KUBECONFIG"
STARTING = {"control_plane", "plane"}
# The first run of all builds the control plane; starting it takes long on a loaded machine.
BUILD_WITHIN, START_WITHIN = 1200, 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that may have to start a control plane, or to build it, the time for it."""
    within = START_WITHIN if building.cached().exists() else BUILD_WITHIN
    for item in items:
        if STARTING & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.timeout(within))


@pytest.fixture(scope="session")
def control_plane(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A cluster without nodes, shared by all processes of this run: break nothing in it."""
    other = os.environ.get(OTHER)
    if other:
        with Cluster(Path(other), home=tmp_path_factory.mktemp("cluster")) as cluster:
            yield cluster
        return
    built_or_skipped(request)
    root = tmp_path_factory.getbasetemp()
    folder = root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root
    with sharing.shared(folder / "kube") as cluster:
        yield cluster


@pytest.fixture
def namespace(control_plane: Cluster) -> Iterator[str]:
    """A namespace of this test's own, with restricted Pod Security."""
    with namespaced(control_plane) as name:
        yield name


@pytest.fixture
def privileged_namespace(control_plane: Cluster) -> Iterator[str]:
    """A namespace of this test's own that lets pods do anything."""
    with namespaced(control_plane, security="privileged") as name:
        yield name


@pytest.fixture
def nodes(control_plane: Cluster, namespace: str, tmp_path: Path) -> Iterator[Nodes]:
    """Simulated nodes, for the pods of this test's namespace only; they run real processes."""
    with running_nodes(control_plane, namespace, tmp_path / "nodes") as running:
        yield running


@contextmanager
def running_nodes(cluster: Cluster, namespace: str, home: Path) -> Iterator[Nodes]:
    """Run nodes for a namespace.

    Nothing is imported before the forks: agents start slowly, and the nodes fast.
    """
    if os.environ.get(OTHER):
        pytest.skip(f"{OTHER} is a cluster with nodes of its own")
    agents = Agents(preload=())
    with Nodes(cluster.kubeconfig, home, namespace=namespace, agents=agents) as running:
        yield running


def built_or_skipped(request: pytest.FixtureRequest) -> None:
    """Make sure that there is a binary, or skip; on CI its absence is a failure."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    shown: Callable[[], AbstractContextManager[None]] = capture.global_and_fixture_disabled
    try:
        with shown():
            building.binary()
    except building.NotBuilt as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))


@contextmanager
def namespaced(cluster: Cluster, *, security: str = "restricted") -> Iterator[str]:
    """Give a namespace, under a name that nobody else has, for the time of a `with`."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    cluster.create_namespace(name, security=security)
    try:
        yield name
    finally:
        cluster.delete_namespace(name)
