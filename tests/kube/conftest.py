"""The fixtures of tests that need Kubernetes; those of one file share nodes and a namespace."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from simulator.kube.cluster import Cluster
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Manners
from tests.kube.cluster import (
    control_plane,
    namespace,
    namespaced,
    privileged_namespace,
    pytest_collection_modifyitems,
    running_nodes,
)
from tests.kube.jobs import Jobs

__all__ = ["control_plane", "namespace", "privileged_namespace", "pytest_collection_modifyitems"]


@dataclass(frozen=True)
class Stage:
    """A namespace and the nodes for it."""

    nodes: Nodes
    jobs: Jobs


@pytest.fixture(scope="module")
def stage(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home = tmp_path_factory.mktemp("nodes")
    with namespaced(control_plane) as name, running_nodes(control_plane, name, home) as nodes:
        yield Stage(nodes, Jobs(control_plane.api, name))


@pytest.fixture
def jobs(stage: Stage) -> Jobs:
    """The Jobs of this file's namespace; each test has names of its own."""
    return stage.jobs


@pytest.fixture
def nodes(stage: Stage) -> Iterator[Nodes]:
    """This file's nodes, calm again after each test."""
    yield stage.nodes
    stage.nodes.pull(**vars(Manners()))
    stage.nodes.calm()
