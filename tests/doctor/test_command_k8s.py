"""The whole command in Kubernetes mode, as the worker's own service account."""

from pathlib import Path

import pytest

from cli import doctor as command
from runs_fleet.queues import valkey_users
from simulator.github import GitHubWorld
from simulator.kube.cluster import Cluster
from simulator.temporal import TemporalServer
from simulator.valkey import ValkeyServer
from tests.doctor import rbac
from tests.doctor.conftest import (
    Doctor,
    Environ,
    make_namespace,
    once_all_is_well,
    working,
)
from tests.test_settings_k8s import K8S, USERS

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

PASSWORDS = [value for name, value in USERS.items() if name.endswith("PASSWORD")]
NOT_FOR_THE_WORKER = {"namespace", "service account"}


@pytest.fixture
def cluster(control_plane: Cluster, namespace: str) -> Environ:
    """A namespace in which a worker may do its work, as the worker's variables name it."""
    kubeconfig = rbac.account(control_plane, namespace)
    rbac.grant(control_plane, namespace)
    return {
        "RUNS_FLEET_K8S_NAMESPACE": namespace,
        "RUNS_FLEET_K8S_KUBECONFIG": str(kubeconfig),
    }


async def test_where_all_is_well_it_says_so_and_no_password(
    doctor: Doctor,
    cluster: Environ,
    github: GitHubWorld,
    temporal_server: TemporalServer,
    tmp_path: Path,
) -> None:
    temporal = await make_namespace(temporal_server, days=7)
    users = (
        valkey_users.NOBODY,
        valkey_users.fleet("worker", USERS["RUNS_FLEET_VALKEY_PASSWORD"]),
        valkey_users.runner("runner", USERS["RUNS_FLEET_VALKEY_RUNNER_PASSWORD"]),
    )
    mine = {name: value for name, value in {**K8S, **USERS}.items() if "GITHUB" not in name}
    environ = {
        **mine,
        **github.env(),
        **cluster,
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal,
    }
    with ValkeyServer(tmp_path, users=users, persistent=True) as valkey:
        environ["RUNS_FLEET_VALKEY_URL"] = valkey.url
        async with working(temporal_server, temporal, mode="k8s"):
            told = await once_all_is_well(doctor, environ)
    odd = {name: each for name, each in told.found.items() if each["status"] != "ok"}
    assert {name: each["status"] for name, each in odd.items()} == dict.fromkeys(
        NOT_FOR_THE_WORKER, "skipped"
    )
    assert told.status == 0
    assert [*told.found] == command.names("k8s")
    assert [password for password in PASSWORDS if password in told.out] == []
