"""Nodes that run pods as processes: what a cluster's nodes and kubelets do, on this machine."""

import asyncio
import fnmatch
import threading
import uuid
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from simulator.kube.api import Api, Json
from simulator.kube.containers import Runtime
from simulator.kube.disruptions import Disruptions
from simulator.kube.fleet import NodeFleet
from simulator.kube.kubelet import Doom
from simulator.kube.plans import USUAL, Agents, Manners, NodePlan
from simulator.kube.pods import Pods
from simulator.kube.podwatch import PodWatch
from simulator.kube.records import PodRecord
from simulator.kube.site import Site, Stall
from simulator.kube.status import Verdict

PATIENCE = 60.0
LOW = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi. "

T = TypeVar("T")


class Nodes:
    """Nodes for the pods of one namespace, or of all; leaving the context ends everything.

    Methods may be called from any thread. Pods are named as in the API, `restartPolicy` is taken
    for Never.
    """

    def __init__(
        self,
        kubeconfig: Path,
        home: Path,
        *,
        namespace: str | None = None,
        plans: Sequence[NodePlan] = USUAL,
        agents: Agents | None = None,
    ) -> None:
        self.home = home
        self.manners = Manners()
        self._namespace = namespace
        self._plans = tuple(plans)
        self._agents = agents or Agents()
        self._kubeconfig = kubeconfig
        self._thread = threading.Thread(target=self._run, name="nodes", daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Register the nodes, and wait until they take pods."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._api = Api.of(self._kubeconfig)
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            self._thread.join()
            self._api.close()
            raise self._failure

    def close(self) -> None:
        """End every process, and take the nodes away; what the books say can still be read."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._api.close()

    def pods(self) -> list[PodRecord]:
        """List every pod that ever had a node here, in the order they came."""
        return self._do(lambda: self._pods.records())

    def pod(self, name: str) -> PodRecord:
        """Find the latest pod of a name, or of a Job of this name. Raises NoSuch."""
        return self._do(lambda: self._pods.find(name).book.record)

    def names(self) -> list[str]:
        """List the nodes."""
        return self._do(lambda: list(self._fleet.plans))

    def pull(self, **levers: Any) -> None:
        """Change manners."""
        for name, value in levers.items():
            if not hasattr(self.manners, name):
                raise AttributeError(f"no lever {name!r}; there are {sorted(vars(self.manners))}")
            setattr(self.manners, name, value)

    def fail_pull(self, image: str, message: str = "") -> None:
        """Let the image (a pattern) not be pulled, until `calm`."""
        why = message or (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
            f'failed to resolve reference "{image}": {image}: not found'
        )
        text = f'Back-off pulling image "{image}": ErrImagePull: {why}'
        self.stall(image, reason="ImagePullBackOff", message=text)

    def fail_config(self, pattern: str, message: str = 'secret "missing" not found') -> None:
        """Let containers of an image or pod (a pattern) not be configured, until `calm`."""
        self.stall(pattern, reason="CreateContainerConfigError", message=message)

    def stall(self, pattern: str, *, reason: str, message: str) -> None:
        """Keep containers of an image or pod (a pattern) waiting with a reason, until `calm`."""
        self._do(lambda: self._site.stalls.append(Stall(pattern, reason, message)))

    def fill(self, pattern: str = "*") -> None:
        """Leave no room on nodes that match: new pods are unschedulable there."""
        self._await(self._fleet.fill(fnmatch.filter(self.names(), pattern)))

    def resume(self) -> None:
        """Put right what `stall` and its kin have done."""
        self._do(self._site.stalls.clear)

    def empty(self) -> None:
        """Put right what `fill` has done."""
        self._await(self._fleet.empty())

    def calm(self) -> None:
        """Put right what `stall`, its kin and `fill` have done."""
        self.resume()
        self.empty()

    def evict(self, pod: str, message: str = LOW) -> None:
        """Evict a pod as a kubelet does whose node is under pressure."""
        verdict = Verdict("Failed", "Evicted", message, disruption="TerminationByKubelet")
        self._strike(pod, Doom("Evicted", verdict=verdict))

    def oom_kill(self, pod: str) -> None:
        """Let the kernel kill a pod's main container for its memory."""
        self._strike(pod, Doom("OOMKilled", reason="OOMKilled"))

    def preempt(self, pod: str) -> None:
        """Delete a pod as the scheduler does when another one is worth more."""
        self._await(self._disruptions.preempt(pod))

    def drain(self, node: str) -> list[str]:
        """Let no new pods come, and evict all pods through the API, as for a spot notice.

        Returns the pods.
        """
        return self._await(self._disruptions.drain(node))

    def lose_node(self, node: str, *, silent: bool = False, replace: bool = True) -> list[str]:
        """Take a node away with all that runs on it; returns the pods.

        The cloud says so at once, and the node's pods are removed; or, `silent`, nobody does, and
        the control plane has to find out. A node like it comes in its place, unless told not to.
        """
        return self._await(self._disruptions.lose(node, silent=silent, replace=replace))

    def forget_node(self, node: str) -> None:
        """Let the cloud say at last that a node which was lost silently is no more."""
        self._await(self._disruptions.forget(node))

    def add_node(self, plan: NodePlan) -> str:
        """Bring one more node."""
        return self._await(self._fleet.add(plan))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._open()
        watch = PodWatch(self._api, self._pods_path(), on_list=self._hear_all, on_event=self._hear)
        try:
            await asyncio.gather(*map(self._fleet.add, self._plans))
            await asyncio.to_thread(self._runtime.wait)
            if self.manners.kubelets:
                watch.start()
                await asyncio.to_thread(watch.listed.wait, PATIENCE)
            self._site.keep(self._fleet.renew())
            self._ready.set()
            await self._stop.wait()
        except Exception as error:  # whoever waits for the start gets it
            self._failure = error
        finally:
            if self.manners.kubelets:
                await asyncio.to_thread(watch.close)
            await self._site.end_all()
            await asyncio.to_thread(self._close)
            self._ready.set()

    def _open(self) -> None:
        self._runtime = Runtime(self.home, self._agents)
        self._site = Site(self._api, home=self.home, manners=self.manners, runtime=self._runtime)
        suffix = self._namespace or uuid.uuid4().hex[:8]
        self._fleet = NodeFleet(self._api, self._site, world=self._namespace, suffix=suffix)
        self._pods = Pods(self._site, self._fleet)
        self._disruptions = Disruptions(self._api, self._site, pods=self._pods, fleet=self._fleet)

    def _close(self) -> None:
        self._runtime.close()
        self._fleet.remove_all()
        self._site.close()

    def _pods_path(self) -> str:
        return f"/api/v1/namespaces/{self._namespace}/pods" if self._namespace else "/api/v1/pods"

    def _hear_all(self, found: list[Json]) -> None:
        self._loop.call_soon_threadsafe(self._pods.saw_all, found)

    def _hear(self, kind: str, pod: Json) -> None:
        self._loop.call_soon_threadsafe(self._pods.saw, kind, pod)

    def _strike(self, pod: str, doom: Doom) -> None:
        self._do(lambda: self._pods.find(pod).strike(doom))

    def _do(self, work: Callable[[], T]) -> T:
        async def do() -> T:
            return work()

        return self._await(do()) if self._thread.is_alive() else work()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)
