"""Helm, and a release of the chart on a real API server."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from simulator.kube.api import MERGE, Api, ApiAway, ApiError, Json
from simulator.kube.cluster import SELECTOR, WORLD, Cluster
from tests.helm.chart import CHART, VALUES, Helm, Objects
from tests.kube.cluster import control_plane, namespaced, pytest_collection_modifyitems
from tests.simulator.waiting import until

__all__ = ["control_plane", "pytest_collection_modifyitems"]

PATIENCE = 60.0
NAME = "ci"
WORKER = f"{NAME}-runs-fleet-worker-k8s"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Release:
    """The chart, installed: where it and its runners are, and its worker's service account."""

    cluster: Cluster
    helm: Helm
    namespace: str
    notes: str
    kubeconfig: Path
    worker: Api

    @property
    def runners(self) -> str:
        """The runners' namespace."""
        return f"{self.namespace}-runners"

    def objects(self) -> Objects:
        """What helm says is installed."""
        return Objects.of(self.helm("get", "manifest", NAME, "--namespace", self.namespace))

    def may(self, verb: str, resource: str, *, group: str = "", namespace: str = "") -> bool:
        """Ask as the worker whether it may."""
        asked = {"verb": verb, "resource": resource, "group": group, "namespace": namespace}
        answer = self.worker.post(REVIEWS, {"spec": {"resourceAttributes": asked}})
        return bool(answer["status"]["allowed"])


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm without a cluster."""
    return Helm(tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="module")
def release(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The chart with the least of values, in a namespace that lets only restricted pods in."""
    installing = Helm(tmp_path_factory.mktemp("helm"), control_plane.kubeconfig)
    with namespaced(control_plane) as namespace:
        where, values = ("--namespace", namespace), ("--values", str(VALUES / "k8s.yaml"))
        notes = installing("install", NAME, str(CHART), *where, *values)
        kubeconfig = control_plane.kubeconfig_for(WORKER, namespace=namespace)
        with Api.of(kubeconfig) as worker:
            release = Release(control_plane, installing, namespace, notes, kubeconfig, worker)
            apart(control_plane, release.runners)
            until(lambda: ready(release), within=PATIENCE)
            yield release
        installing("uninstall", NAME, *where)
        control_plane.delete_namespace(release.runners)


def apart(cluster: Cluster, namespace: str) -> None:
    """Keep the pods of a namespace off the nodes of other tests."""
    metadata = {"annotations": {SELECTOR: f"{WORLD}={namespace}"}}
    cluster.api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": metadata}, kind=MERGE)


def ready(release: Release) -> bool:
    """Whether the server has heard of the account, of its rights, and of the namespace."""
    with suppress(ApiAway, ApiError):
        path = f"/api/v1/namespaces/{release.runners}/serviceaccounts/default"
        return bool(release.cluster.api.get(path)) and release.may(
            "create", "jobs", group="batch", namespace=release.runners
        )
    return False


def listed(cluster: Cluster, path: str) -> list[Json]:
    """List a collection."""
    found: list[Json] = cluster.api.get(path)["items"]
    return found
