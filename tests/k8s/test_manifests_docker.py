"""The daemon beside a runner whose job needs Docker."""

from dataclasses import replace

import pytest

from runs_fleet.providers.k8s.site import Docker
from tests.k8s.orders import order
from tests.k8s.pods import ROOMY, SITE, pod_of, runner_of


def test_docker_is_a_native_sidecar() -> None:
    pod = pod_of(order(docker=True))
    externals, daemon = pod["initContainers"]
    assert (daemon["name"], daemon["restartPolicy"]) == ("docker", "Always")
    assert externals["image"] == SITE.image
    assert daemon["securityContext"]["privileged"]
    assert daemon["startupProbe"]["exec"]["command"][-1] == "version"
    variables = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert variables["DOCKER_HOST"] in daemon["args"][1]


def test_a_daemon_finds_the_runners_folders_where_the_runner_has_them() -> None:
    pod = pod_of(order(docker=True))
    daemon = pod["initContainers"][1]
    paths = {each["mountPath"] for each in daemon["volumeMounts"]}
    assert {"/opt/actions-runner/_work", "/opt/actions-runner/externals"} <= paths


@pytest.mark.parametrize(
    ("rootless", "user", "group", "data"),
    [
        (True, 1000, "--group=0", "/home/rootless/.local/share/docker"),
        (False, 0, "--group=1001", "/var/lib/docker"),
    ],
)
def test_the_runner_may_use_the_daemons_socket(
    rootless: bool, user: int, group: str, data: str
) -> None:
    site = replace(SITE, docker=Docker("docker:dind", rootless))
    pod = pod_of(order(docker=True), site)
    daemon = pod["initContainers"][1]
    assert daemon["securityContext"]["runAsUser"] == user
    assert daemon["args"][-1] == group
    assert daemon["volumeMounts"][-1]["mountPath"] == data
    assert pod["securityContext"].get("supplementalGroups") == ([1000] if rootless else None)


def test_docker_keeps_its_images_on_a_large_disk() -> None:
    pod = pod_of(order(docker=True, disk=500), ROOMY)
    mounts = [each for each in pod["initContainers"][1]["volumeMounts"] if each["name"] == "work"]
    assert [each["subPath"] for each in mounts] == ["work", "docker"]
    assert pod["containers"][0]["volumeMounts"][2]["subPath"] == "work"


def test_the_runner_itself_is_no_more_privileged_beside_docker() -> None:
    assert runner_of(order(docker=True))["securityContext"] == runner_of(order())["securityContext"]
