"""Jobs that restricted Pod Security lets in, and looking at what becomes of them."""

from collections.abc import Callable
from typing import Any

from simulator.kube.api import Api, Json
from tests.simulator.waiting import until

PATIENCE = 100.0
SECURE: Json = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 1001,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(*command: str, name: str = "main", **more: Any) -> Json:
    """A container that runs a command."""
    return {
        "name": name,
        "image": "example.com/tool:1",
        "command": list(command),
        "securityContext": SECURE,
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
        **more,
    }


def script(text: str, *, name: str = "main", **more: Any) -> Json:
    """A container that runs a shell script."""
    return container("sh", "-c", text, name=name, **more)


class Jobs:
    """The Jobs of one namespace."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    def start(self, name: str, main: Json, **pod: Any) -> Json:
        """Make a Job of one pod."""
        spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 20, "containers": [main]}
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": {"spec": {**spec, **pod}}},
        }
        return self.api.post(f"/apis/batch/v1/namespaces/{self.namespace}/jobs", body)

    def delete(self, name: str) -> None:
        """Delete a Job, its pod with it."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}"
        self.api.delete(path, propagationPolicy="Background")

    def make(self, kind: str, name: str, data: dict[str, str]) -> None:
        """Make a Secret or a ConfigMap."""
        field = "stringData" if kind == "Secret" else "data"
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, field: data}
        self.api.post(f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s", body)

    def pods(self, name: str) -> list[Json]:
        """Read the pods of a Job."""
        selector = f"batch.kubernetes.io/job-name={name}"
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        found: list[Json] = self.api.get(path, labelSelector=selector)["items"]
        return found

    def pod(self, name: str, fits: Callable[[Json], object]) -> Json:
        """Wait until the pod of a Job is as it should be."""
        found: list[Json] = []

        def look() -> bool:
            found[:] = [pod for pod in self.pods(name) if fits(pod)]
            return bool(found)

        until(look, within=PATIENCE)
        return found[0]

    def phase(self, name: str, wanted: str) -> Json:
        """Wait until the pod of a Job is in a phase."""
        return self.pod(name, lambda pod: pod["status"].get("phase") == wanted)

    def condition(self, name: str, wanted: str) -> Json:
        """Wait until a Job has a condition."""
        path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{name}"
        found: list[Json] = []

        def look() -> bool:
            said = self.api.get(path)["status"].get("conditions", [])
            found[:] = [one for one in said if one["type"] == wanted and one["status"] == "True"]
            return bool(found)

        until(look, within=PATIENCE)
        return found[0]


def state(pod: Json) -> Json:
    """Read the state of a pod's first container."""
    found: Json = pod["status"].get("containerStatuses", [{"state": {}}])[0]["state"]
    return found


def waits_for(reason: str) -> Callable[[Json], bool]:
    """Tell a pod whose container waits for a reason."""
    return lambda pod: state(pod).get("waiting", {}).get("reason") == reason
