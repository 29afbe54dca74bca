"""The real agent in a simulated pod that the real provider has ordered, with a real Valkey."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from runs_fleet.models import MachineOrder
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import Cluster as Namespace
from runs_fleet.providers.k8s.configs import K8sConfigStore
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Site
from simulator.kube.cluster import Cluster
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents
from tests.agent import scripts
from tests.agent.fakes import runner_config
from tests.agent.pods import Valkey
from tests.k8s.orders import order
from tests.kube.jobs import PATIENCE, Jobs
from tests.simulator.waiting import until

WORKING = scripts.TRAP + scripts.HELLO + scripts.LISTENING + scripts.RUNNING + scripts.WAIT


@dataclass
class Place:
    """A namespace with a worker's adapters in it."""

    provider: K8sProvider
    configs: K8sConfigStore
    nodes: Nodes
    valkey: Valkey
    jobs: Jobs

    def order(self) -> MachineOrder:
        """Order the machine of the runner whose key the tests know."""
        ordered = order(7)
        machine = self.provider.create(ordered)
        config = replace(runner_config(), reports=self.valkey.address)
        self.configs.store(machine.machine_id, config)
        return ordered

    def said(self, kind: str) -> None:
        """Wait for a report."""
        until(lambda: kind in " ".join(self.valkey.story()), within=PATIENCE)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    valkey = Valkey(tmp_path / "valkey")
    with valkey.server:
        yield valkey


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    folder = tmp_path / "runner"
    folder.mkdir()
    return folder


@pytest.fixture
def place(
    control_plane: Cluster, namespace: str, valkey: Valkey, runner: Path, tmp_path: Path
) -> Iterator[Place]:
    agents, home = Agents(preload=("agent.__main__",), runner=runner), tmp_path / "nodes"
    running = Nodes(control_plane.kubeconfig, home, namespace=namespace, agents=agents)
    with connect(control_plane.kubeconfig, pool=4) as client, running as nodes:
        cluster = Namespace(Rest(client), namespace)
        owners = Owners(cluster)
        yield Place(
            K8sProvider(cluster, Site(namespace, "example.com/runner:1"), owners=owners),
            K8sConfigStore(cluster, owners=owners),
            nodes,
            valkey,
            Jobs(control_plane.api, namespace),
        )


def test_a_runner_does_its_job_in_a_pod(place: Place, runner: Path) -> None:
    scripts.install(runner, scripts.job("Succeeded"))
    ordered = place.order()
    place.jobs.phase(ordered.runner, "Succeeded")
    assert place.valkey.story() == ["ready", "started", "finished Succeeded"]
    record = place.nodes.pod(ordered.runner)
    assert (record.runner, record.exit_code, record.cause) == (ordered.runner, 0, "Completed")


def test_a_runner_that_is_deleted_in_its_job_reports_it(place: Place, runner: Path) -> None:
    scripts.install(runner, WORKING)
    ordered = place.order()
    place.said("started")
    place.provider.terminate(ordered.runner)
    place.said("interrupted")
    until(lambda: not place.nodes.pod(ordered.runner).alive, within=PATIENCE)
    record = place.nodes.pod(ordered.runner)
    assert (record.cause, record.busy) == ("Deleted", True)


def test_a_runner_that_is_evicted_says_nothing_more(place: Place, runner: Path) -> None:
    scripts.install(runner, WORKING)
    ordered = place.order()
    place.said("started")
    place.nodes.evict(ordered.runner)
    place.jobs.phase(ordered.runner, "Failed")
    assert place.valkey.story() == ["ready", "started"]
    assert place.nodes.pod(ordered.runner).busy
