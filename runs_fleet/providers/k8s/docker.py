"""A Docker daemon beside a runner, as a native sidecar; pure.

https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/ : it starts before the
runner and ends after it, so that a pod never waits for its daemon to end by itself.
"""

from typing import Any

from runs_fleet.models import RunnerSpec
from runs_fleet.providers.k8s import resources
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import DOCKER, EXTERNALS

SOCKETS = "/docker"
SOCKET = f"unix://{SOCKETS}/docker.sock"
SOCKET_VOLUME, DATA_VOLUME, EXTERNALS_VOLUME = "docker-socket", "docker-data", "externals"
# The image's own user: https://hub.docker.com/_/docker (rootless).
ROOTLESS_USER = 1000
RUNNER_GROUP = 1001
PATIENCE = 120


def volumes(*, on_disk: bool) -> list[dict[str, Any]]:
    """The volumes that only Docker needs; images lie on the disk where there is one."""
    names = [SOCKET_VOLUME, EXTERNALS_VOLUME, *([] if on_disk else [DATA_VOLUME])]
    return [{"name": name, "emptyDir": {}} for name in names]


def init_containers(
    spec: RunnerSpec, site: Site, *, work: dict[str, Any], on_disk: bool
) -> list[dict[str, Any]]:
    """Hand GitHub's own programs over to the daemon's world, then start the daemon.

    A job's containers mount the runner's folders `_work` and `externals`, by the paths that the
    runner knows: the daemon must find them there.
    """
    return [_externals(spec, site), _daemon(spec, site, work=work, on_disk=on_disk)]


def runner_mounts() -> list[dict[str, Any]]:
    """Where the runner finds the daemon."""
    return [{"name": SOCKET_VOLUME, "mountPath": SOCKETS}]


def _externals(spec: RunnerSpec, site: Site) -> dict[str, Any]:
    return {
        "name": EXTERNALS,
        "image": site.image,
        "imagePullPolicy": site.pull_policy,
        "command": ["cp", "-r", f"{site.runner_dir}/externals/.", "/externals/"],
        "resources": resources.runner(spec, site.storage),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": EXTERNALS_VOLUME, "mountPath": "/externals"}],
    }


def _daemon(spec: RunnerSpec, site: Site, *, work: dict[str, Any], on_disk: bool) -> dict[str, Any]:
    rootless = site.docker.rootless
    # Inside the user namespace of a rootless daemon group 0 is the group of its user.
    group = 0 if rootless else RUNNER_GROUP
    return {
        "name": DOCKER,
        "image": site.docker.image,
        "imagePullPolicy": site.pull_policy,
        "restartPolicy": "Always",
        "args": ["dockerd", f"--host={SOCKET}", f"--group={group}"],
        "resources": resources.daemon(spec),
        "securityContext": {
            "privileged": True,
            "runAsUser": ROOTLESS_USER if rootless else 0,
            "runAsGroup": ROOTLESS_USER if rootless else 0,
            "runAsNonRoot": rootless,
        },
        "startupProbe": {
            "exec": {"command": ["docker", f"--host={SOCKET}", "version"]},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": PATIENCE,
        },
        "volumeMounts": [
            {"name": SOCKET_VOLUME, "mountPath": SOCKETS},
            work,
            {"name": EXTERNALS_VOLUME, "mountPath": f"{site.runner_dir}/externals"},
            _data(rootless=rootless, on_disk=on_disk),
        ],
    }


def _data(*, rootless: bool, on_disk: bool) -> dict[str, Any]:
    path = "/home/rootless/.local/share/docker" if rootless else "/var/lib/docker"
    if on_disk:
        return {"name": "work", "mountPath": path, "subPath": "docker"}
    return {"name": DATA_VOLUME, "mountPath": path}
