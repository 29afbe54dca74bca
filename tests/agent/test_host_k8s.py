"""A pod as its agent sees it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.host_k8s import K8sHost, in_pod
from runs_fleet.errors import Refused
from tests.agent.fakes import runner_config

CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_a_pod_bears_its_jobs_name_and_reads_what_is_mounted() -> None:
    config = runner_config()
    host = K8sHost("runs-fleet-7-1", lambda: config)
    assert host.machine_id() == "runs-fleet-7-1"
    assert host.config() == config


def test_a_mount_that_cannot_be_read_is_refused() -> None:
    def broken() -> None:
        raise Refused("jit_config of the config: empty")

    with pytest.raises(Refused):
        K8sHost("runs-fleet-7-1", broken).config()


def test_a_pod_is_never_announced_and_ends_by_itself() -> None:
    host = K8sHost("runs-fleet-7-1", lambda: None)
    assert host.notice() is None
    host.remove_config()
    host.end()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RUNS_FLEET_MODE": "k8s"}, True),
        ({"RUNS_FLEET_MODE": " K8S "}, True),
        ({"RUNS_FLEET_MODE": "ec2"} | CLUSTER, False),
        ({"RUNS_FLEET_MODE": ""} | CLUSTER, True),
        (CLUSTER, True),
        ({}, False),
    ],
)
def test_a_pod_is_found_by_mode_or_by_what_kubernetes_leaves(
    tmp_path: Path, environ: Mapping[str, str], expected: bool
) -> None:
    assert in_pod({**environ, "RUNS_FLEET_K8S_SECRETS_DIR": str(tmp_path)}) is expected


def test_a_cluster_without_a_config_of_ours_is_no_runners_pod(tmp_path: Path) -> None:
    nowhere = {"RUNS_FLEET_K8S_SECRETS_DIR": str(tmp_path / "nowhere")}
    assert not in_pod(CLUSTER | nowhere)
