"""What clouds and schedulers do to pods: preemption, draining, and the loss of a node."""

from collections.abc import Callable

from simulator.kube.api import Api, ApiError, Json
from simulator.kube.fleet import NodeFleet
from simulator.kube.kubelet import NODE_LOST, PodLife
from simulator.kube.pods import NoSuch, Pods
from simulator.kube.site import Site, path
from simulator.kube.status import condition

PREEMPTED = "default-scheduler: preempting to accommodate a higher priority pod"
NO_NODE = "PodGC: node no longer exists"
RECLAIMED = {"key": "simulator.runs-fleet.io/reclaimed", "effect": "NoSchedule"}


class Disruptions:
    """Acts on the cluster as its controllers do; belongs to the loop's thread.

    https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """

    def __init__(self, api: Api, site: Site, *, pods: Pods, fleet: NodeFleet) -> None:
        self._api = api
        self._site = site
        self._pods = pods
        self._fleet = fleet

    async def preempt(self, pod: str) -> None:
        """Delete a pod for one that is worth more."""
        life = self._pods.find(pod)
        await self._disrupt(life, {}, reason="PreemptionByScheduler", message=PREEMPTED)
        await self._ask(lambda: self._api.delete(path(life.pod)))

    async def drain(self, node: str) -> list[str]:
        """Let nothing more come to a node, and evict what is there."""
        await self._fleet.taint(node, RECLAIMED)
        there = self._pods.on(node)
        for life in there:
            await self._evict(life.pod)
        return [life.book.record.name for life in there]

    async def lose(self, node: str, *, silent: bool, replace: bool) -> list[str]:
        """Cut a node off; unless `silent`, the cluster learns of it at once."""
        plan = self._fleet.plans.get(node)
        if plan is None:
            raise NoSuch(f"no node {node!r}; there are {sorted(self._fleet.plans)}")
        self._fleet.silence(node)
        there = self._pods.on(node)
        for life in there:
            life.strike(NODE_LOST)
        if not silent:
            await self.forget(node)
        if replace:
            await self._fleet.add(plan)
        return [life.book.record.name for life in there]

    async def forget(self, node: str) -> None:
        """Take a lost node out of the cluster, and its pods, as the garbage collector does."""
        await self._fleet.forget(node)
        for life in self._pods.on(node):
            await self._disrupt(
                life, {"phase": "Failed"}, reason="DeletionByPodGC", message=NO_NODE
            )
            await self._site.remove(life.pod)

    async def _evict(self, pod: Json) -> None:
        names = {key: pod["metadata"][key] for key in ("name", "namespace")}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": names}
        await self._ask(lambda: self._api.post(f"{path(pod)}/eviction", body))

    async def _disrupt(self, life: PodLife, status: Json, *, reason: str, message: str) -> None:
        said = condition("DisruptionTarget", True, reason=reason, message=message)
        patch = {"status": {**status, "conditions": [said]}}
        await self._ask(lambda: self._api.patch(f"{path(life.pod)}/status", patch))

    async def _ask(self, ask: Callable[[], Json]) -> None:
        """Ask; a pod that is gone is none that can be disrupted."""
        try:
            await self._site.call(ask)
        except ApiError as error:
            if error.reason != "NotFound":
                raise
