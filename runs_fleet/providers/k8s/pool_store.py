"""Definitions of pools in one ConfigMap of the runners' namespace, a key for each pool."""

from collections.abc import Callable

from runs_fleet.errors import NotThere, Unavailable
from runs_fleet.pools import stores
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.providers.k8s import marks
from runs_fleet.providers.k8s.archive import PART_OF
from runs_fleet.providers.k8s.cluster import CONFIG_MAPS, Cluster
from runs_fleet.providers.k8s.errors import Conflict
from runs_fleet.providers.k8s.rest import Json

TRIES = 20
Texts = dict[str, str]


class K8sPoolStore:
    """The PoolStore port. Who writes at the same time as others, writes again."""

    def __init__(self, cluster: Cluster, *, fleet: str) -> None:
        self._cluster, self._fleet = cluster, fleet
        self._name = f"{marks.MANAGER}-pools-{fleet}"
        self._where = f"ConfigMap {self._name}"
        self._sight = stores.Sight()

    def load(self) -> list[PoolDefinition]:
        """Read all definitions; without the ConfigMap there are none."""
        found = self._read()
        texts = _texts(found) if found else {}
        self._sight.all(texts)
        return stores.read(texts, self._where)

    def put(self, definition: PoolDefinition) -> None:
        """Keep a definition, instead of the one of the same name."""
        name, text = definition.name, stores.written(definition)
        expected = self._sight.expected(name, text)

        def change(texts: Texts) -> Texts:
            if expected is not None and texts.get(name) not in expected:
                stores.overtaken(name, self._where)
            return {**texts, name: text}

        self._change(change)
        self._sight.one(name, text)

    def remove(self, name: str) -> None:
        """Forget a definition; already forgotten is a success."""
        self._change(lambda texts: {key: text for key, text in texts.items() if key != name})
        self._sight.one(name, None)

    def _change(self, change: Callable[[Texts], Texts]) -> None:
        for _ in range(TRIES):
            found = self._read()
            before = _texts(found) if found else {}
            after = change(before)
            if after == before:
                return
            try:
                self._write(found, after)
                return
            except (Conflict, NotThere):
                # Somebody else was quicker: look again, as one of us always is.
                continue
        raise Unavailable(f"{self._where}: others were quicker {TRIES} times")

    def _write(self, found: Json | None, texts: Texts) -> None:
        """Write what was read and changed; its version makes that fail if others changed it."""
        if found:
            self._cluster.replace({**found, "kind": "ConfigMap", "data": texts})
            return
        labels = {PART_OF: marks.MANAGER, marks.FLEET: self._fleet}
        metadata = {"name": self._name, "labels": labels}
        self._cluster.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}
        )

    def _read(self) -> Json | None:
        try:
            return self._cluster.read(CONFIG_MAPS, self._name)
        except NotThere:
            return None


def _texts(found: Json) -> Texts:
    return dict(found.get("data") or {})
