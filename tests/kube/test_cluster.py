"""The cluster that tests stand on: its namespaces, its accounts, and that it is shared."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client, config

from simulator.kube import sharing
from simulator.kube.api import Api, ApiError
from simulator.kube.cluster import Cluster
from tests.kube.cluster import OTHER
from tests.simulator.waiting import until

simulated = pytest.mark.skipif(OTHER in os.environ, reason=f"{OTHER} is not ours to start")
ROOTED = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "rooted"},
    "spec": {"containers": [{"name": "one", "image": "nothing"}]},
}


def test_a_namespace_refuses_what_restricted_pod_security_forbids(
    control_plane: Cluster, namespace: str
) -> None:
    with pytest.raises(ApiError, match="violates PodSecurity"):
        control_plane.api.post(f"/api/v1/namespaces/{namespace}/pods", ROOTED)


def test_a_privileged_namespace_takes_it(control_plane: Cluster, privileged_namespace: str) -> None:
    path = f"/api/v1/namespaces/{privileged_namespace}/pods"
    assert control_plane.api.post(path, ROOTED)["metadata"]["name"] == "rooted"


def test_a_service_account_has_no_rights_of_its_own(control_plane: Cluster, namespace: str) -> None:
    kubeconfig = control_plane.kubeconfig_for("default", namespace=namespace)
    with Api.of(kubeconfig) as account, pytest.raises(ApiError) as refused:
        account.get(f"/api/v1/namespaces/{namespace}/secrets")
    assert refused.value.reason == "Forbidden"
    assert f"system:serviceaccount:{namespace}:default" in str(refused.value)


def test_the_official_client_reads_the_kubeconfig(control_plane: Cluster, namespace: str) -> None:
    connect: Callable[[str], client.ApiClient] = config.new_client_from_config
    with connect(str(control_plane.kubeconfig)) as connection:
        found = client.CoreV1Api(connection).read_namespace(namespace).to_dict()
    assert found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@simulated
def test_all_processes_of_a_run_share_one(control_plane: Cluster) -> None:
    folder = control_plane.home.parent
    with sharing.shared(folder) as same:
        assert same.kubeconfig == control_plane.kubeconfig


USER = """
import sys
from pathlib import Path
from simulator.kube import sharing
with sharing.shared(Path(sys.argv[1])) as cluster:
    print(cluster.api.host, flush=True)
    sys.stdin.read()
"""


@simulated
@pytest.mark.usefixtures("control_plane")
def test_it_ends_with_the_last_who_uses_it_even_when_they_are_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", USER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout is not None
        port = int(user.stdout.readline().decode().rpartition(":")[2])
        keeper = int((tmp_path / "keeper").read_text())
        os.kill(user.pid, signal.SIGKILL)
    until(lambda: not listening(port) and not listening(keeper), within=30)


def listening(port: int) -> bool:
    wanted = f"0100007F:{port:04X}"
    rows = Path("/proc/net/tcp").read_text().splitlines()
    return any(row.split()[1] == wanted and row.split()[3] == "0A" for row in rows)
