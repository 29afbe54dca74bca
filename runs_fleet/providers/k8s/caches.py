"""A pool's cache volumes: each is leased to one runner at a time, and outlives it."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from runs_fleet.errors import NotThere, Refused
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.providers.k8s.cluster import PODS, VOLUME_CLAIMS, Cluster
from runs_fleet.providers.k8s.errors import Taken
from runs_fleet.providers.k8s.marks import (
    CACHE,
    CACHE_SPEC,
    FLEET,
    MANAGER,
    POOL,
    RUNNER,
    fleet_labels,
)
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import MOUNTS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Volumes:
    """What there is: volumes that may be leased, and those that are on their way out.

    Some were just `made`, and pods of runners have those `mounted` that were doubted.
    """

    usable: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    made: tuple[str, ...] = field(default=(), compare=False)
    mounted: tuple[str, ...] = field(default=(), compare=False)


def name(pool: str, number: int) -> str:
    """Name a pool's volume."""
    return f"{MANAGER}-cache-{pool}-{number}"


def claim(pool: str, number: int, cache: Cache, *, site: Site) -> Json:
    """Claim a volume that belongs to no Job; that one runner mounts it is its pool's business."""
    spec: Json = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{cache.size}Gi"}},
    }
    if storage_class := _class(cache, site):
        spec["storageClassName"] = storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name(pool, number),
            "namespace": site.namespace,
            "labels": {**fleet_labels(site), POOL: pool, CACHE: "true"},
            "annotations": {CACHE_SPEC: _spec(cache, site)},
        },
        "spec": spec,
    }


class Caches:
    """The volumes of all pools."""

    def __init__(self, cluster: Cluster, site: Site) -> None:
        self._cluster, self._site = cluster, site

    def keep(self, order: PlaceholderOrder) -> Volumes:
        """Have the volumes that are ordered and no others, but those that are leased.

        What is ordered with another size, class or path comes anew, once nobody has it.
        """
        wanted = {} if order.remove or order.cache is None else self._claims(order, order.cache)
        usable, leaving, made = list[str](), list[str](), list[str]()
        for found in self._found(order.pool):
            kept = self._kept(found, wanted=wanted, order=order)
            (usable if kept else leaving).append(found["metadata"]["name"])
        for missing in sorted(wanted.keys() - {*usable, *leaving}):
            made += [missing] if self._made(wanted[missing]) else []
            usable.append(missing)
        mounted = self._mounted(order) if order.doubted else ()
        return Volumes(tuple(sorted(usable)), tuple(sorted(leaving)), tuple(made), tuple(mounted))

    def path(self, volume: str, *, pool: str) -> str:
        """Tell where a pool's volume is to be mounted; "" when it is of no use any more.

        A job can do without a cache, but not with a volume that does not come.
        """
        try:
            found = self._cluster.read(VOLUME_CLAIMS, volume)
        except NotThere:
            found = None
        if found and not _is_going(found) and self._is_of(found, pool):
            return str(json.loads(found["metadata"]["annotations"][CACHE_SPEC])["path"])
        log.warning("cache left out", extra={"volume": volume, "pool": pool})
        return ""

    def _claims(self, order: PlaceholderOrder, cache: Cache) -> dict[str, Json]:
        if not cache.path.startswith("/") or cache.path.startswith(MOUNTS):
            raise Refused(
                f"pool {order.pool}: a cache cannot be mounted at {cache.path!r};"
                f" name an absolute path outside of {MOUNTS}"
            )
        claims = [
            claim(order.pool, number, cache, site=self._site) for number in range(cache.volumes)
        ]
        return {each["metadata"]["name"]: each for each in claims}

    def _found(self, pool: str) -> list[Json]:
        ours = f"{FLEET}={self._site.fleet},{POOL}={pool},{CACHE}"
        return self._cluster.heads(VOLUME_CLAIMS, ours)

    def _kept(self, found: Json, *, wanted: dict[str, Json], order: PlaceholderOrder) -> bool:
        """Tell whether a volume is as ordered; one that is not, and not leased, is removed."""
        metadata = found["metadata"]
        ordered = wanted.get(metadata["name"])
        fits = ordered is not None and _written(ordered) == _written(found)
        if not fits and metadata["name"] not in order.leased and not _is_going(found):
            self._cluster.delete(VOLUME_CLAIMS, metadata["name"])
        return fits and not _is_going(found)

    def _mounted(self, order: PlaceholderOrder) -> Iterator[str]:
        """Name the doubted volumes that a pod has which may still run."""
        ours = f"{FLEET}={self._site.fleet},{POOL}={order.pool},{RUNNER}"
        pods = self._cluster.labelled(PODS, ours)
        held = {name for each in pods if not _has_ended(each) for name in _claims(each)}
        yield from (volume for volume in order.doubted if volume in held)

    def _made(self, body: Json) -> bool:
        """Make a volume, or find it; tells which."""
        try:
            self._cluster.create(body)
        except Taken:
            # Made by an earlier try whose answer was lost, or by somebody else.
            there = self._cluster.read(VOLUME_CLAIMS, body["metadata"]["name"])
            if not self._is_of(there, body["metadata"]["labels"][POOL]):
                what = f"PersistentVolumeClaim {body['metadata']['name']}"
                raise Refused(f"{what} is there, and not of fleet {self._site.fleet}") from None
            return False
        return True

    def _is_of(self, found: Json, pool: str) -> bool:
        labels: dict[str, Any] = found["metadata"].get("labels") or {}
        return CACHE in labels and (labels.get(FLEET), labels.get(POOL)) == (self._site.fleet, pool)


def _has_ended(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _claims(pod: Json) -> Iterator[str]:
    for volume in pod["spec"].get("volumes", []):
        if claimed := volume.get("persistentVolumeClaim"):
            yield claimed["claimName"]


def _class(cache: Cache, site: Site) -> str:
    return cache.storage_class or site.storage.storage_class


def _spec(cache: Cache, site: Site) -> str:
    """Say what a volume was made as; the server writes sizes and classes in its own words."""
    return json.dumps({"size": cache.size, "class": _class(cache, site), "path": cache.path})


def _written(thing: Json) -> str:
    return str((thing["metadata"].get("annotations") or {}).get(CACHE_SPEC, ""))


def _is_going(thing: Json) -> bool:
    return "deletionTimestamp" in thing["metadata"]
