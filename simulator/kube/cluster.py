"""Any cluster, as its owner sees it: namespaces to work in, and tokens of service accounts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import yaml

from simulator.kube.api import Api, ApiAway, ApiError, Json

# Keeps pods of one simulated world off the nodes of all others in the same cluster.
# https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podnodeselector
WORLD = "simulator.runs-fleet.io/world"
SELECTOR = "scheduler.alpha.kubernetes.io/node-selector"
ENFORCE = "pod-security.kubernetes.io/enforce"
NOT_FOUND, CONFLICT = 404, 409
PATIENCE = 30.0
LOOK_EVERY = 0.05


class Cluster:
    """A cluster behind an administrator's kubeconfig; files that it writes lie in `home`.

    With `worlds` the pods of a namespace run on the nodes of that namespace's world only.
    """

    def __init__(self, kubeconfig: Path, *, home: Path, worlds: bool = False) -> None:
        self.kubeconfig = kubeconfig
        self.home = home
        self.worlds = worlds
        self.api = Api.of(kubeconfig)

    def create_namespace(self, name: str, *, security: str = "restricted") -> None:
        """Make a namespace with a Pod Security level, ready for pods; already there is fine."""
        selector = {SELECTOR: f"{WORLD}={name}"} if self.worlds else {}
        metadata = {"name": name, "labels": {ENFORCE: security}, "annotations": selector}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        with _fine(CONFLICT):
            self.api.post("/api/v1/namespaces", body)
        self._await(f"/api/v1/namespaces/{name}/serviceaccounts/default")

    def delete_namespace(self, name: str) -> None:
        """Have a namespace removed, and wait for nothing; its pods go without grace."""
        with _fine(NOT_FOUND):
            self.api.delete(f"/api/v1/namespaces/{name}/pods", gracePeriodSeconds="0")
        with _fine(NOT_FOUND, CONFLICT):
            self.api.delete(f"/api/v1/namespaces/{name}")

    def token(self, account: str, *, namespace: str, seconds: int = 3600) -> str:
        """Have a token made for a service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        spec = {"expirationSeconds": seconds}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.api.post(path, body)["status"]["token"])

    def kubeconfig_for(self, account: str, *, namespace: str) -> Path:
        """Write a kubeconfig of a service account."""
        own = yaml.safe_load(self.kubeconfig.read_text())
        cluster = _current(own, self.kubeconfig.parent)
        user = {"token": self.token(account, namespace=namespace)}
        path = self.home / f"{namespace}-{account}.kubeconfig"
        write_kubeconfig(path, cluster=cluster, user=user, namespace=namespace)
        return path

    def close(self) -> None:
        """Hang up."""
        self.api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _await(self, path: str) -> Json:
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(ApiAway), _fine(NOT_FOUND):
                return self.api.get(path)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path} was not there in {PATIENCE:g} s")
            time.sleep(LOOK_EVERY)


@contextmanager
def _fine(*statuses: int) -> Iterator[None]:
    """Take some refusals for success."""
    try:
        yield
    except ApiError as error:
        if error.status not in statuses:
            raise


def write_kubeconfig(path: Path, *, cluster: Json, user: Json, namespace: str = "default") -> None:
    """Write a kubeconfig with one context; only its owner may read it."""
    context = {"cluster": "simulated", "user": "user", "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "simulated", "cluster": cluster}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "simulated", "context": context}],
        "current-context": "simulated",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))


def _current(config: Json, folder: Path) -> Json:
    """Find the cluster of the current context; its files get absolute paths."""
    named = {one["name"]: one["context"] for one in config["contexts"]}
    clusters = {one["name"]: one["cluster"] for one in config["clusters"]}
    found: Json = dict(clusters[named[config["current-context"]]["cluster"]])
    if authority := found.get("certificate-authority"):
        found["certificate-authority"] = str(folder / authority)
    return found
