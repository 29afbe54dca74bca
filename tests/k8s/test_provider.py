"""What the Kubernetes provider does, against a real API server and its controllers."""

from dataclasses import replace

import pytest
from kubernetes.client import ApiClient

from runs_fleet.errors import NoCapacity, Refused, Unavailable
from runs_fleet.models import Machine, MachineOrder, Market
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import manifests
from runs_fleet.providers.k8s.cluster import (
    CONFIG_MAPS,
    JOBS,
    NETWORK_POLICIES,
    PODS,
    SECRETS,
    VOLUME_CLAIMS,
    Cluster,
    Kind,
)
from runs_fleet.providers.k8s.configs import K8sConfigStore
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Json, Rest
from runs_fleet.providers.k8s.site import Site, Storage
from simulator.kube.cluster import Cluster as ControlPlane
from tests.k8s.orders import ON_DEMAND, order
from tests.simulator.waiting import until

PATIENCE = 100.0
EVICTED = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
DRAINED = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
ALL = (JOBS, PODS, CONFIG_MAPS, SECRETS, NETWORK_POLICIES, VOLUME_CLAIMS)


def names(cluster: Cluster, kind: Kind) -> list[str]:
    found = cluster.labelled(kind, "runs-fleet.io/fleet=default")
    return [each["metadata"]["name"] for each in found]


def pod_of(cluster: Cluster, runner: str) -> Json:
    """Wait for the controller to make the Job's pod."""
    selector = f"runs-fleet.io/runner={runner}"
    until(lambda: cluster.labelled(PODS, selector), within=PATIENCE)
    return cluster.labelled(PODS, selector)[0]


def say(control_plane: ControlPlane, pod: Json, status: Json) -> None:
    """Say of a pod what its kubelet would."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/status"
    control_plane.api.patch(path, {"status": status})


def assign(control_plane: ControlPlane, pod: Json) -> None:
    """Put a pod on a node that nobody keeps, so that its deletion waits for a kubelet."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/binding"
    target = {"apiVersion": "v1", "kind": "Node", "name": "no-such-node"}
    binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": metadata["name"]}}
    control_plane.api.post(path, {**binding, "target": target})


def test_an_order_becomes_a_job_that_says_whose_it_is(
    provider: K8sProvider, cluster: Cluster
) -> None:
    asked = order(rung=ON_DEMAND, cpu={"least": 4, "most": 8})
    made = provider.create(asked)
    job = cluster.read(JOBS, asked.runner)
    assert made == Machine(
        machine_id=asked.runner, machine_type="4cpu-8gib", market=Market.ON_DEMAND
    )
    assert job["metadata"]["labels"]["runs-fleet.io/job-id"] == str(asked.job_id)
    assert cluster.read(CONFIG_MAPS, asked.runner)["data"]["runner"] == asked.runner


def test_the_controller_makes_the_pod_and_the_pod_waits_for_its_secret(
    provider: K8sProvider, configs: K8sConfigStore, cluster: Cluster
) -> None:
    asked = order()
    provider.create(asked)
    until(lambda: names(cluster, PODS), within=PATIENCE)
    [pod] = cluster.labelled(PODS, f"runs-fleet.io/runner={asked.runner}")
    [secret] = [each for each in pod["spec"]["volumes"] if each["name"] == "secrets"]
    assert secret["secret"]["secretName"] == asked.runner
    assert not secret["secret"].get("optional")
    assert configs.fetch(asked.runner) is None


def test_one_delete_removes_everything(
    provider: K8sProvider, configs: K8sConfigStore, cluster: Cluster, site: Site
) -> None:
    roomy = replace(site, storage=Storage(volume_above=0))
    asked = order(disk=10, private=True)
    K8sProvider(cluster, roomy).create(asked)
    configs.store(asked.runner, RunnerConfig(asked.runner, "j", "k", "redis://v", 1.0, 2.0))
    until(lambda: names(cluster, PODS), within=PATIENCE)
    assert all(names(cluster, kind) for kind in ALL)
    assert provider.terminate(asked.runner, asked.runner)
    until(lambda: not any(names(cluster, kind) for kind in ALL), within=PATIENCE)


def test_the_same_order_again_is_the_same_machine(provider: K8sProvider, cluster: Cluster) -> None:
    asked = order()
    first = provider.create(asked)
    uid = cluster.read(JOBS, asked.runner)["metadata"]["uid"]
    assert provider.create(asked) == first
    assert cluster.read(JOBS, asked.runner)["metadata"]["uid"] == uid


def test_a_later_order_of_the_attempt_takes_over_what_an_earlier_one_made(
    provider: K8sProvider,
) -> None:
    asked = order()
    first = provider.create(asked)
    later = asked.model_copy(update={"token": f"{asked.runner}-2", "rung": ON_DEMAND})
    assert provider.create(later) == first


def test_a_create_that_broke_off_is_completed(
    provider: K8sProvider, cluster: Cluster, site: Site
) -> None:
    asked = order(private=True)
    cluster.create(manifests.job(asked, site))
    provider.create(asked)
    assert names(cluster, CONFIG_MAPS) == [asked.runner]
    assert names(cluster, NETWORK_POLICIES) == [asked.runner]


def with_leftover(cluster: Cluster, site: Site) -> MachineOrder:
    """Order a machine whose ConfigMap's name an earlier Job's still has."""
    asked = order()
    other = cluster.create(manifests.job(order(), site))
    leftover = manifests.config_map(asked, site, owner=other["metadata"]["uid"])
    leftover["metadata"]["ownerReferences"][0]["name"] = other["metadata"]["name"]
    cluster.create(leftover)
    return asked


def test_what_an_earlier_job_left_behind_is_waited_for(
    provider: K8sProvider, cluster: Cluster, site: Site
) -> None:
    asked = with_leftover(cluster, site)
    with pytest.raises(Unavailable, match="an earlier Job's"):
        provider.create(asked)


class Collected(Cluster):
    """A cluster whose garbage collector comes between two calls."""

    def read(self, kind: Kind, name: str) -> Json:
        if kind is CONFIG_MAPS:
            self.delete(kind, name)
        return super().read(kind, name)


def test_what_an_earlier_job_left_behind_may_go_while_it_is_looked_at(
    api: ApiClient, cluster: Cluster, namespace: str, site: Site
) -> None:
    asked = with_leftover(cluster, site)
    provider = K8sProvider(Collected(Rest(api), namespace), site)
    with pytest.raises(Unavailable, match="gone now"):
        provider.create(asked)
    assert provider.create(asked).machine_id == asked.runner


def test_another_fleets_job_is_not_taken_over(
    provider: K8sProvider, cluster: Cluster, site: Site
) -> None:
    asked = order()
    K8sProvider(cluster, replace(site, fleet="other")).create(asked)
    with pytest.raises(Refused, match="not of fleet default"):
        provider.create(asked)


def test_a_job_that_has_ended_is_no_machine_and_makes_room_for_the_next_try(
    provider: K8sProvider, cluster: Cluster, control_plane: ControlPlane
) -> None:
    asked = order()
    provider.create(asked)
    say(control_plane, pod_of(cluster, asked.runner), EVICTED)
    until(lambda: provider.describe([asked.runner])[0].state == "gone", within=PATIENCE)
    with pytest.raises(NoCapacity, match="has ended already"):
        provider.create(asked)
    # What belonged to the Job goes a moment after it.
    until(lambda: not names(cluster, JOBS) + names(cluster, CONFIG_MAPS), within=PATIENCE)
    assert provider.create(asked).machine_id == asked.runner


def test_a_pod_says_how_its_machine_is(
    provider: K8sProvider, cluster: Cluster, control_plane: ControlPlane
) -> None:
    asked = order()
    provider.create(asked)
    pod = pod_of(cluster, asked.runner)
    say(control_plane, pod, {"phase": "Running"})
    assert [each.state for each in provider.find(asked.runner)] == ["running"]
    say(control_plane, pod, EVICTED)
    [found] = provider.find(asked.runner)
    assert (found.state, found.cause, found.taken) == ("gone", "Evicted", True)


def test_a_job_says_that_its_pod_was_taken_when_that_is_not_there_any_more(
    provider: K8sProvider, cluster: Cluster, control_plane: ControlPlane
) -> None:
    asked = order()
    provider.create(asked)
    pod = pod_of(cluster, asked.runner)
    say(control_plane, pod, {"phase": "Failed", "conditions": [DRAINED]})
    cluster.delete(PODS, pod["metadata"]["name"])
    until(lambda: not names(cluster, PODS), within=PATIENCE)
    until(lambda: provider.find(asked.runner)[0].state == "gone", within=PATIENCE)
    [found] = provider.find(asked.runner)
    assert (found.cause, found.taken) == ("DisruptionTarget", True)


def test_how_a_job_failed_is_remembered_when_it_has_been_removed(
    provider: K8sProvider, cluster: Cluster, control_plane: ControlPlane
) -> None:
    asked = order()
    provider.create(asked)
    say(control_plane, pod_of(cluster, asked.runner), {"phase": "Failed", "conditions": [DRAINED]})
    until(lambda: provider.describe([asked.runner])[0].state == "gone", within=PATIENCE)
    assert provider.terminate(asked.runner)
    until(lambda: not names(cluster, JOBS), within=PATIENCE)
    until(lambda: not names(cluster, PODS), within=PATIENCE)
    until(lambda: provider.find(asked.runner) != [], within=PATIENCE)
    [found] = provider.find(asked.runner)
    assert (found.state, found.cause, found.taken) == ("gone", "DisruptionTarget", True)


def test_a_pod_outlives_its_job_while_it_stops(
    provider: K8sProvider, cluster: Cluster, control_plane: ControlPlane
) -> None:
    asked = order()
    provider.create(asked)
    pod = pod_of(cluster, asked.runner)
    say(control_plane, pod, {"phase": "Running"})
    assign(control_plane, pod)
    assert provider.terminate(asked.runner)
    assert [each.state for each in provider.find(asked.runner)] == ["stopping"]


class Counting(Rest):
    """Notes what it is asked for."""

    def __init__(self, client: ApiClient) -> None:
        super().__init__(client)
        self.asked: list[str] = []

    def get(self, path: str, **query: str) -> Json:
        self.asked.append("get")
        return super().get(path, **query)

    def post(self, path: str, body: Json, *, quote: bool = True) -> Json:
        self.asked.append("post")
        return super().post(path, body, quote=quote)

    def delete(self, path: str, body: Json | None = None) -> Json:
        self.asked.append("delete")
        return super().delete(path, body)


def test_a_normal_job_costs_four_calls(api: ApiClient, site: Site) -> None:
    rest, asked = Counting(api), order()
    cluster = Cluster(rest, site.namespace)
    provider = K8sProvider(cluster, site, owners=(owners := Owners(cluster)))
    machine_id = provider.create(asked).machine_id
    config = RunnerConfig(asked.runner, "j", "k", "redis://v", 1.0, 2.0)
    K8sConfigStore(cluster, owners=owners).store(machine_id, config)
    provider.terminate(asked.runner, machine_id)
    assert rest.asked == ["post", "post", "post", "delete"]


def test_warming_up_makes_nothing(provider: K8sProvider, cluster: Cluster) -> None:
    provider.warm_up()
    assert names(cluster, JOBS) == []


def test_a_machine_that_is_pending_is_found_and_described(
    provider: K8sProvider, cluster: Cluster
) -> None:
    asked = order()
    provider.create(asked)
    [found] = provider.find(asked.runner)
    assert (found.machine_id, found.runner, found.state) == (asked.runner, asked.runner, "pending")
    assert provider.describe([asked.runner, "runs-fleet-1-1"]) == [found]
