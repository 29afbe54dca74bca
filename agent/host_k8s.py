"""The agent's machine when it is a pod of a Kubernetes Job."""

import os
from collections.abc import Callable, Mapping

from runs_fleet.errors import Refused
from runs_fleet.ports import RunnerConfig

SECRETS_DIR = "/etc/runs-fleet/secrets"


def in_pod(environ: Mapping[str, str]) -> bool:
    """Tell whether this is a runner's pod: as it is told, else by what Kubernetes leaves there.

    https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    if mode := environ.get("RUNS_FLEET_MODE", "").strip():
        return mode.lower() == "k8s"
    mount = environ.get("RUNS_FLEET_K8S_SECRETS_DIR") or SECRETS_DIR
    return "KUBERNETES_SERVICE_HOST" in environ and os.path.isdir(mount)


class K8sHost:
    """One pod, which ends when its agent does; `machine_id` is its Job's name.

    The kubelet tells with SIGTERM that a pod will be taken, whoever takes it:
    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
    """

    def __init__(self, machine_id: str, read: Callable[[], RunnerConfig | None]) -> None:
        self._machine_id = machine_id
        self._read = read

    def machine_id(self) -> str:
        return self._machine_id

    def config(self) -> RunnerConfig | None:
        return self._read()

    def called(self, address: str) -> bool:
        raise Refused(f"a pod does not stand by, neither at {address}")

    def remove_config(self) -> None:
        """Leave it: the mount cannot be written, and goes with the pod."""

    def notice(self) -> str | None:
        return None

    def end(self) -> None:
        """Leave it to the end of the process."""
