"""Runner configs in Secrets, against a real API server."""

from dataclasses import replace

import pytest

from runs_fleet.errors import NotThere, Refused
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s.cluster import SECRETS, Cluster
from runs_fleet.providers.k8s.configs import K8sConfigStore, OwnedConfigStore
from runs_fleet.providers.k8s.owners import MOST, Owners
from runs_fleet.providers.k8s.provider import K8sProvider
from tests.k8s.orders import order


@pytest.fixture
def machine_id(provider: K8sProvider) -> str:
    return provider.create(order()).machine_id


def config(runner: str) -> RunnerConfig:
    return RunnerConfig(runner, "jit" * 1400, "key", "redis://u:p@valkey?stream=s", 0.5, 43_200.0)


def test_what_is_stored_can_be_read(configs: K8sConfigStore, machine_id: str) -> None:
    configs.store(machine_id, config(machine_id))
    assert configs.fetch(machine_id) == config(machine_id)


def test_there_is_none_before_it_is_stored(configs: K8sConfigStore, machine_id: str) -> None:
    assert configs.fetch(machine_id) is None


def test_one_that_is_there_is_replaced(configs: K8sConfigStore, machine_id: str) -> None:
    configs.store(machine_id, config(machine_id))
    newer = replace(config(machine_id), jit_config="newer")
    configs.store(machine_id, newer)
    assert configs.fetch(machine_id) == newer


def test_deleting_twice_is_a_success(configs: K8sConfigStore, machine_id: str) -> None:
    configs.store(machine_id, config(machine_id))
    configs.delete(machine_id)
    configs.delete(machine_id)
    assert configs.fetch(machine_id) is None


def test_one_that_is_owned_is_left_to_the_removal_of_its_job(
    cluster: Cluster, configs: K8sConfigStore, machine_id: str
) -> None:
    configs.store(machine_id, config(machine_id))
    OwnedConfigStore(cluster).delete(machine_id)
    assert configs.fetch(machine_id) == config(machine_id)


def test_the_secret_belongs_to_the_job_also_for_a_worker_that_did_not_make_it(
    cluster: Cluster, machine_id: str
) -> None:
    K8sConfigStore(cluster, reports_ca="PEM").store(machine_id, config(machine_id))
    secret = cluster.read(SECRETS, machine_id)
    [owner] = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("Job", machine_id)
    assert secret["metadata"]["labels"]["runs-fleet.io/runner"] == machine_id
    assert "reports_ca" in secret["data"]


def test_without_a_job_there_is_nothing_to_store_for(configs: K8sConfigStore) -> None:
    with pytest.raises(NotThere):
        configs.store("runs-fleet-1-1", config("runs-fleet-1-1"))


def test_a_machine_that_was_removed_is_not_remembered(
    provider: K8sProvider, configs: K8sConfigStore, machine_id: str
) -> None:
    provider.terminate(machine_id)
    with pytest.raises(NotThere):
        configs.store(machine_id, config(machine_id))


def test_a_secret_that_somebody_else_made_is_corrupt(
    configs: K8sConfigStore, cluster: Cluster
) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "runs-fleet-2-1"}})
    with pytest.raises(Refused, match="runs-fleet-2-1 is corrupt"):
        configs.fetch("runs-fleet-2-1")


def test_what_is_refused_is_not_quoted(configs: K8sConfigStore, machine_id: str) -> None:
    huge = replace(config(machine_id), jit_config="topsecret" * 200_000)
    with pytest.raises(Refused) as caught:
        configs.store(machine_id, huge)
    assert "topsecret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_memory_is_bounded(cluster: Cluster) -> None:
    owners = Owners(cluster)
    jobs = [{"metadata": {"name": f"job-{number}", "uid": "uid"}} for number in range(MOST + 1)]
    list(map(owners.remember, jobs))
    assert owners.of(f"job-{MOST}")["metadata"]["uid"] == "uid"
    with pytest.raises(NotThere):
        owners.of("job-0")
