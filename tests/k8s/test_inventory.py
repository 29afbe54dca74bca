"""All that the fleet has in a namespace of a real cluster, and how a sweep gets rid of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runs_fleet import sweeping
from runs_fleet.census import OwnedMachine, Roll
from runs_fleet.models import MachineOrder, RunnerSpec
from runs_fleet.pools import abandoned
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import manifests
from runs_fleet.providers.k8s.cluster import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    NETWORK_POLICIES,
    PODS,
    SECRETS,
    VOLUME_CLAIMS,
    Cluster,
    Kind,
)
from runs_fleet.providers.k8s.configs import K8sConfigStore
from runs_fleet.providers.k8s.inventory import BELONGINGS, K8sInventory
from runs_fleet.providers.k8s.placeholders import K8sPlaceholders
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site, Storage
from runs_fleet.sweep_ports import Inventory
from simulator.kube.cluster import Cluster as ControlPlane
from tests.k8s.orders import order
from tests.simulator.waiting import until

PATIENCE = 100.0
SOON = timedelta(minutes=1)
LATER = timedelta(minutes=30)
ORDER = order(repo="acme/app", private=True, disk=400)


@pytest.fixture
def inventory(cluster: Cluster, site: Site) -> K8sInventory:
    return K8sInventory(cluster, fleet=site.fleet)


def config(wanted: MachineOrder) -> RunnerConfig:
    return RunnerConfig(
        runner=wanted.runner, jit_config="hidden", report_key="k", reports="redis://q",
        idle_limit=1, max_runtime=1,
    )  # fmt: skip


def test_the_adapter_is_the_port(inventory: K8sInventory) -> None:
    port: Inventory = inventory
    assert port.machines() == []


def test_a_job_is_listed_with_its_owner(inventory: K8sInventory, provider: K8sProvider) -> None:
    made = provider.create(ORDER)
    (found,) = inventory.machines()
    assert (found.machine_id, found.runner, found.repo) == (
        made.machine_id, ORDER.runner, "acme/app",
    )  # fmt: skip
    assert not found.remains
    assert abs(datetime.now(UTC) - found.launched_at) < SOON


def test_a_secret_is_listed_and_not_read(
    inventory: K8sInventory, provider: K8sProvider, configs: K8sConfigStore
) -> None:
    provider.create(ORDER)
    configs.store(ORDER.runner, config(ORDER))
    (held,) = inventory.configs()
    assert held.machine_id == ORDER.runner
    assert abs(datetime.now(UTC) - held.written_at) < SOON


def test_an_ended_job_is_what_remains(
    inventory: K8sInventory, provider: K8sProvider, control_plane: ControlPlane, namespace: str
) -> None:
    provider.create(ORDER)
    fail(control_plane, namespace)
    until(lambda: inventory.machines()[0].remains, within=PATIENCE)


def test_of_another_fleet_nothing_is_listed(
    cluster: Cluster, provider: K8sProvider, configs: K8sConfigStore
) -> None:
    provider.create(ORDER)
    configs.store(ORDER.runner, config(ORDER))
    other = K8sInventory(cluster, fleet="other")
    assert (other.machines(), other.configs()) == ([], [])


@pytest.mark.parametrize("kind", BELONGINGS, ids=lambda kind: str(kind.plural))
def test_what_has_outlived_its_job_is_listed_and_removed(
    inventory: K8sInventory, cluster: Cluster, site: Site, kind: Kind
) -> None:
    cluster.create(belonging(kind, site))
    (found,) = inventory.machines()
    assert (found.machine_id, found.remains) == (ORDER.runner, True)
    inventory.terminate(ORDER.runner)
    until(lambda: inventory.machines() == [], within=PATIENCE)


def test_everything_of_a_name_is_one_machine(
    inventory: K8sInventory, cluster: Cluster, site: Site
) -> None:
    for kind in BELONGINGS:
        cluster.create(belonging(kind, site))
    (found,) = inventory.machines()
    assert found.runner == ORDER.runner


def test_a_job_is_removed_with_all_that_belongs_to_it(
    inventory: K8sInventory, cluster: Cluster, provider: K8sProvider, configs: K8sConfigStore
) -> None:
    provider.create(ORDER)
    configs.store(ORDER.runner, config(ORDER))
    inventory.terminate(ORDER.runner)
    until(lambda: everything(cluster) == [], within=PATIENCE)


def test_what_is_gone_already_is_a_success(inventory: K8sInventory) -> None:
    inventory.terminate(ORDER.runner)


@pytest.fixture
def pool(cluster: Cluster, site: Site) -> PlaceholderOrder:
    """A pool that has a placeholder and a volume."""
    cache = Cache(size=1, volumes=1)
    wanted = PlaceholderOrder(pool="warm", spec=RunnerSpec(), replicas=1, cache=cache)
    K8sPlaceholders(cluster, site).keep(wanted)
    return wanted


@pytest.mark.usefixtures("pool")
def test_what_a_pool_keeps_is_listed_as_the_pool_s(
    inventory: K8sInventory, provider: K8sProvider
) -> None:
    provider.create(ORDER)
    found = [(each.machine_id, each.runner, each.pool) for each in inventory.machines()]
    assert sorted(found) == [
        (ORDER.runner, ORDER.runner, ""),
        ("runs-fleet-cache-warm-0", "", "warm"),
        ("runs-fleet-pool-warm", "", "warm"),
    ]


@pytest.mark.usefixtures("pool")
def test_only_the_sweep_of_pools_looks_at_it(inventory: K8sInventory) -> None:
    machines, now = inventory.machines(), datetime.now(UTC) + LATER
    assert sweeping.unclaimed(machines, Roll(), now=now, min_age=SOON) == []
    assert sweeping.strays(machines, Roll(), now=now, min_age=SOON) == []
    assert len(abandoned.unmarked(machines, now=now, min_age=SOON)) == 2


def test_the_sweep_removes_what_a_pool_has_left(
    inventory: K8sInventory, cluster: Cluster, pool: PlaceholderOrder
) -> None:
    for each in inventory.machines():
        inventory.terminate(each.machine_id)
    until(lambda: inventory.machines() == [], within=PATIENCE)
    of_pool = f"runs-fleet.io/pool={pool.pool}"
    kinds = (DEPLOYMENTS, PODS, VOLUME_CLAIMS)
    until(
        lambda: [each for kind in kinds for each in cluster.labelled(kind, of_pool)] == [],
        within=PATIENCE,
    )


@pytest.mark.usefixtures("pool")
def test_another_fleet_s_pools_are_not_listed(cluster: Cluster) -> None:
    assert K8sInventory(cluster, fleet="other").machines() == []


def test_a_sweep_takes_what_remains_without_an_owner() -> None:
    now = datetime.now(UTC)
    remains = OwnedMachine(
        machine_id=ORDER.runner, runner=ORDER.runner, launched_at=now - LATER, remains=True
    )
    assert sweeping.unclaimed([remains], Roll(), now=now, min_age=SOON) == [remains]


def test_a_lifecycle_is_told_that_only_remains_are_left() -> None:
    remains = OwnedMachine(
        machine_id=ORDER.runner, runner=ORDER.runner, launched_at=datetime.now(UTC), remains=True
    )
    roll = Roll(machines={ORDER.job_id: ORDER.runner})
    assert sweeping.missing(roll, [remains]) == {ORDER.runner: ORDER.job_id}


def fail(control_plane: ControlPlane, namespace: str) -> None:
    """Have the pod fail, as a kubelet would tell it."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    until(lambda: control_plane.api.get(path)["items"], within=PATIENCE)
    name = control_plane.api.get(path)["items"][0]["metadata"]["name"]
    control_plane.api.patch(f"{path}/{name}/status", {"status": {"phase": "Failed"}})


def belonging(kind: Kind, site: Site) -> Json:
    """An object that has lost its owner."""
    job = {"metadata": {**manifests.job(ORDER, site)["metadata"], "uid": "nobody"}}
    roomy = replace(site, storage=Storage(volume_above=100))
    owned = manifests.dependents(ORDER, roomy, owner="nobody")
    made = [*owned, manifests.secret(ORDER.runner, config(ORDER), owner=job)]
    (found,) = [each for each in made if each["kind"] == KINDS[kind]]
    metadata = {key: found["metadata"][key] for key in ("name", "labels", "annotations")}
    return {**found, "metadata": metadata}


KINDS = {
    CONFIG_MAPS: "ConfigMap",
    SECRETS: "Secret",
    NETWORK_POLICIES: "NetworkPolicy",
    VOLUME_CLAIMS: "PersistentVolumeClaim",
}


def everything(cluster: Cluster) -> list[Json]:
    ours = "app.kubernetes.io/managed-by=runs-fleet"
    return [each for kind in (JOBS, *BELONGINGS) for each in cluster.labelled(kind, ours)]
