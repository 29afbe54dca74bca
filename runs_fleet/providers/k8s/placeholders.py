"""Placeholders in a cluster: one Deployment for each pool, and the pool's cache volumes."""

from datetime import UTC, datetime

from runs_fleet.errors import NotThere, Refused
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder
from runs_fleet.providers.k8s import placeholder, trouble
from runs_fleet.providers.k8s.caches import Caches
from runs_fleet.providers.k8s.cluster import DEPLOYMENTS, PODS, Cluster
from runs_fleet.providers.k8s.marks import FLEET, MANAGER, PLACEHOLDER, POOL
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site


class K8sPlaceholders:
    """The Placeholders port. Each turn is three calls, and one more while pods are missing."""

    def __init__(self, cluster: Cluster, site: Site) -> None:
        self._cluster, self._site = cluster, site
        self._caches = Caches(cluster, site)

    def keep(self, order: PlaceholderOrder) -> PlaceholderFacts:
        """Make the cluster have what is ordered, and tell what it has.

        Raises Refused when another fleet has a pool of this name here.
        """
        made = self._kept(order)
        volumes = self._caches.keep(order)
        facts = PlaceholderFacts(
            ready=0,
            volumes=volumes.usable,
            leaving=volumes.leaving,
            made=volumes.made,
            mounted=volumes.mounted,
        )
        if made is None:
            return facts
        ready = int(made.get("status", {}).get("readyReplicas", 0))
        missing = max(order.replicas - ready, 0)
        told = {"trouble": self._trouble(order.pool, made)} if missing else {}
        return facts.model_copy(update={"ready": ready, "pending": missing, **told})

    def _kept(self, order: PlaceholderOrder) -> Json | None:
        """Apply what is ordered; that nothing changes by it the server sees itself."""
        there = self._there(order.pool)
        if order.remove:
            self._cluster.delete(DEPLOYMENTS, placeholder.name(order.pool))
            return None
        if there is None and order.replicas == 0:
            return None
        recycled = placeholder.recycled(there) if there else ""
        body = placeholder.deployment(order, self._site, recycled=recycled)
        return self._cluster.apply(body, manager=f"{MANAGER}-{self._site.fleet}")

    def _there(self, pool: str) -> Json | None:
        try:
            found = self._cluster.read(DEPLOYMENTS, placeholder.name(pool))
        except NotThere:
            return None
        if (found["metadata"].get("labels") or {}).get(FLEET) != self._site.fleet:
            what = f"Deployment {placeholder.name(pool)}"
            raise Refused(f"{what} is there, and not of fleet {self._site.fleet}")
        return found

    def _trouble(self, pool: str, made: Json) -> str:
        """Say why pods are missing: they cannot be made, cannot be placed, or cannot start."""
        for condition in made.get("status", {}).get("conditions", []):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                return f"{condition.get('reason', '')}: {condition.get('message', '')}"
        ours = f"{FLEET}={self._site.fleet},{POOL}={pool},{PLACEHOLDER}"
        now = datetime.now(UTC)
        pods = self._cluster.labelled(PODS, ours)
        signs = [sign.event for each in pods for sign in trouble.of_pod(each, now)]
        stalled = [f"{each.cause}: {each.detail}" for each in signs if each.kind == "stalled"]
        return stalled[0] if stalled else ""
