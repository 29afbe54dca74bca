"""Where `runs-fleet pools apply` keeps definitions: where the variables of workers say."""

from pathlib import Path

import pytest

from runs_fleet.errors import Refused
from runs_fleet.models import Mode
from runs_fleet.pool_stores import opened
from runs_fleet.providers.ec2.pool_store import DynamoPoolStore
from runs_fleet.providers.k8s.pool_store import K8sPoolStore

CONFIG = """\
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
"""


@pytest.mark.parametrize("mode", ["ec2", "k8s"])
def test_without_variables_there_is_no_store(mode: Mode) -> None:
    assert opened({"RUNS_FLEET_FLEET": "blue"}, mode) is None


def test_a_table_is_opened_in_its_region() -> None:
    environ = {"RUNS_FLEET_EC2_POOLS_TABLE": "pools", "AWS_DEFAULT_REGION": "eu-central-1"}
    assert isinstance(opened(environ, "ec2"), DynamoPoolStore)


def test_a_cluster_is_opened_by_its_kubeconfig(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(CONFIG)
    assert isinstance(opened({"RUNS_FLEET_K8S_KUBECONFIG": str(path)}, "k8s"), K8sPoolStore)


def test_a_kubeconfig_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no way to the cluster by"):
        opened({"RUNS_FLEET_K8S_KUBECONFIG": str(tmp_path / "none")}, "k8s")
