"""Which Job owns a runner's objects: remembered by whoever made it, else asked for."""

import threading
from collections import OrderedDict

from runs_fleet.providers.k8s.cluster import JOBS, Cluster
from runs_fleet.providers.k8s.rest import Json

MOST = 5_000


class Owners:
    """Thread safe; one for each process, so that a Secret costs one call and not two."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: OrderedDict[str, Json] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, job: Json) -> None:
        """Keep what identifies a Job that is about to get a Secret."""
        metadata = job["metadata"]
        kept = {key: metadata.get(key) for key in ("name", "uid", "labels", "annotations")}
        with self._lock:
            self._known[metadata["name"]] = {"metadata": kept}
            if len(self._known) > MOST:
                self._known.popitem(last=False)

    def forget(self, name: str) -> None:
        """Its Job is going: its name may be another's soon."""
        with self._lock:
            self._known.pop(name, None)

    def of(self, name: str) -> Json:
        """Return the Job of this name, or as much of it as matters. Raises NotThere."""
        with self._lock:
            known = self._known.get(name)
        return known or self._cluster.read(JOBS, name)
