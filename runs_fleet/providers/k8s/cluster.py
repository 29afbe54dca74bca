"""The kinds of objects that runners are made of, in one namespace."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from runs_fleet.errors import NotThere, Refused
from runs_fleet.providers.k8s.rest import METADATA, Json, Rest


class Kind(NamedTuple):
    """Where objects of one kind are; what is refused of a secret one is never quoted."""

    api: str
    plural: str
    secret: bool = False


JOBS = Kind("/apis/batch/v1", "jobs")
PODS = Kind("/api/v1", "pods")
CONFIG_MAPS = Kind("/api/v1", "configmaps")
SECRETS = Kind("/api/v1", "secrets", secret=True)
VOLUME_CLAIMS = Kind("/api/v1", "persistentvolumeclaims")
NETWORK_POLICIES = Kind("/apis/networking.k8s.io/v1", "networkpolicies")
EVENTS = Kind("/api/v1", "events")
DEPLOYMENTS = Kind("/apis/apps/v1", "deployments")

KINDS: Mapping[str, Kind] = {
    "Job": JOBS,
    "ConfigMap": CONFIG_MAPS,
    "Secret": SECRETS,
    "PersistentVolumeClaim": VOLUME_CLAIMS,
    "NetworkPolicy": NETWORK_POLICIES,
    "Deployment": DEPLOYMENTS,
}
# The server removes what belongs to it after its owner; the call does not wait for that.
# https://kubernetes.io/docs/concepts/architecture/garbage-collection/#background-deletion
BACKGROUND = {"propagationPolicy": "Background"}
DRY_RUN = "dryRun=All&fieldValidation=Strict"


class Cluster:
    """One namespace of a cluster. Every method is one call, and raises FleetError."""

    def __init__(self, rest: Rest, namespace: str) -> None:
        self._rest, self.namespace = rest, namespace

    def create(self, body: Json) -> Json:
        """Make an object. Raises Taken when its name is, Refused when there is no namespace."""
        return self._post(body, "")

    def try_out(self, body: Json) -> None:
        """Have the server check an object as strictly as it can, and make nothing."""
        self._post(body, f"?{DRY_RUN}")

    def read(self, kind: Kind, name: str) -> Json:
        """Read an object. Raises NotThere."""
        return self._rest.get(self._path(kind, name))

    def replace(self, body: Json) -> Json:
        """Replace an object, whatever it was. Raises NotThere."""
        kind = KINDS[body["kind"]]
        path = self._path(kind, body["metadata"]["name"])
        return self._rest.put(path, body, quote=not kind.secret)

    def apply(self, body: Json, *, manager: str) -> Json:
        """Make an object, or make it what the body says; the rest of it stays as it is."""
        path = self._path(KINDS[body["kind"]], body["metadata"]["name"])
        with self._placed():
            return self._rest.apply(path, body, manager=manager)

    def delete(self, kind: Kind, name: str) -> bool:
        """Have an object removed, and what belongs to it; tells whether it was there."""
        try:
            self._rest.delete(self._path(kind, name), dict(BACKGROUND))
        except NotThere:
            return False
        return True

    def labelled(self, kind: Kind, selector: str) -> list[Json]:
        """List the objects with these labels."""
        found, _ = self._rest.items(self._path(kind), labelSelector=selector)
        return found

    def heads(self, kind: Kind, selector: str) -> list[Json]:
        """List the objects with these labels by their metadata, and read nothing that they hold."""
        found, _ = self._rest.items(self._path(kind), accept=METADATA, labelSelector=selector)
        return found

    def told(self, kind: str, name: str) -> list[Json]:
        """List the Events about an object, of which it may be the last trace, the oldest first."""
        about = f"involvedObject.kind={kind},involvedObject.name={name}"
        found, _ = self._rest.items(self._path(EVENTS), fieldSelector=about)
        return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def _post(self, body: Json, query: str) -> Json:
        kind = KINDS[body["kind"]]
        with self._placed():
            return self._rest.post(f"{self._path(kind)}{query}", body, quote=not kind.secret)

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """What is made can only miss its namespace."""
        try:
            yield
        except NotThere as error:
            raise Refused(f"namespace {self.namespace!r} is not there: {error}") from error

    def _path(self, kind: Kind, name: str = "") -> str:
        path = f"{kind.api}/namespaces/{self.namespace}/{kind.plural}"
        return f"{path}/{name}" if name else path


def uid(found: Mapping[str, Any]) -> str:
    """The identity of an object: its name may be used again."""
    return str(found["metadata"]["uid"])
