"""A cluster for a world: a real control plane, simulated nodes, a real Valkey."""

import secrets
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from runs_fleet.queues import valkey_users
from simulator.clouds import CloudBooks
from simulator.kube.api import Json
from simulator.kube.cluster import Cluster
from simulator.kube.controlplane import ControlPlane, Options
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents
from simulator.kube.pods import NoSuch
from simulator.kube.proxy import Proxy
from simulator.valkey import ValkeyServer

NAMESPACE = "runs-fleet"
IMAGE = "runs-fleet/runner:simulated"
OURS = "app.kubernetes.io/managed-by=runs-fleet"
KINDS = {
    "jobs": "/apis/batch/v1/namespaces/{}/jobs",
    "pods": "/api/v1/namespaces/{}/pods",
    "config_maps": "/api/v1/namespaces/{}/configmaps",
    "secrets": "/api/v1/namespaces/{}/secrets",
    "volume_claims": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "network_policies": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}
# As for Temporal's server: a fifth less CPU time, for 350 MiB more.
GROWTH = 400
WORKER, RUNNER = "runs-fleet", "runner"


@dataclass(frozen=True)
class KubePlan:
    """What a cluster of our own is like.

    If `troubled`, the product reaches the API server through a proxy, where trouble can be made.
    With `audit` the API server writes down each call. Without `agents` nodes take pods, and do
    nothing with them.
    """

    troubled: bool = False
    audit: bool = False
    agents: bool = True


class KubeWorld:
    """Starts everything on free ports; leaving the context ends everything.

    With a `kubeconfig` a cluster of somebody else's is used, nodes and all, in a namespace of its
    own; its nodes must be able to run `image`.
    """

    def __init__(
        self,
        home: Path,
        *,
        runner: Path,
        kubeconfig: Path | None = None,
        plan: KubePlan = KubePlan(),
        image: str = IMAGE,
    ) -> None:
        self.home, self._runner, self._given = home, runner, kubeconfig
        self.plan, self._image = plan, image
        self._stack = ExitStack()
        self.namespace = NAMESPACE if kubeconfig is None else f"{NAMESPACE}-{secrets.token_hex(4)}"
        self._passwords = {user: secrets.token_urlsafe(16) for user in (WORKER, RUNNER)}
        users = valkey_users.file(
            valkey_users.fleet(WORKER, self._passwords[WORKER]),
            valkey_users.runner(RUNNER, self._passwords[RUNNER]),
        )
        self.valkey = ValkeyServer(home / "valkey", persistent=True, users=users.splitlines())
        self.plane: ControlPlane | None = None
        self.proxy: Proxy | None = None
        self.nodes: Nodes | None = None
        self._cluster: Cluster | None = None
        self._product = kubeconfig

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def cluster(self) -> Cluster:
        """The cluster as its administrator."""
        assert self._cluster is not None, "the world has not been started"
        return self._cluster

    def start(self) -> None:
        """Start the cluster, then what runs in it."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(self.valkey)
        if self._given is None:
            self._start_cluster()
        else:
            self._cluster = self._stack.enter_context(Cluster(self._given, home=self.home))
            self.cluster.create_namespace(self.namespace)
            self._stack.callback(self.cluster.delete_namespace, self.namespace)

    def env(self) -> dict[str, str]:
        """Spell this cluster for a process of runs-fleet."""
        return {
            "RUNS_FLEET_K8S_KUBECONFIG": str(self._product),
            "RUNS_FLEET_K8S_NAMESPACE": self.namespace,
            "RUNS_FLEET_K8S_RUNNER_IMAGE": self._image,
            "RUNS_FLEET_VALKEY_URL": self.valkey.url,
            "RUNS_FLEET_VALKEY_USERNAME": WORKER,
            "RUNS_FLEET_VALKEY_PASSWORD": self._passwords[WORKER],
            "RUNS_FLEET_VALKEY_RUNNER_USERNAME": RUNNER,
            "RUNS_FLEET_VALKEY_RUNNER_PASSWORD": self._passwords[RUNNER],
        }

    def accounts(self) -> CloudBooks:
        """Count the pods that ever were, and what is left in the namespace."""
        pods = self.nodes.pods() if self.nodes else []
        left = {kind: len(self.objects(kind)) for kind in KINDS}
        return CloudBooks(Counter(pod.runner for pod in pods if pod.runner), left)

    def objects(self, kind: str) -> list[Json]:
        """List what there is of a kind that is ours and not on its way out."""
        path = f"{KINDS[kind].format(self.namespace)}?labelSelector={OURS}"
        found: list[Json] = self.cluster.api.get(path)["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]

    def take_back(self, runner: str) -> str:
        """Evict a runner's pod, as from a node that is going away."""
        if self.nodes is None:
            return ""
        try:
            pod = self.nodes.pod(runner).name
            self.nodes.evict(pod)
        except NoSuch:
            return ""
        return pod

    def _start_cluster(self) -> None:
        options = Options(node_grace=40, tolerated=5, audit=self.plan.audit, growth=GROWTH)
        plane = ControlPlane(self.home / "plane", options)
        self.plane = self._stack.enter_context(plane)
        self._cluster = plane.cluster
        self.cluster.create_namespace(self.namespace)
        self._product = plane.kubeconfig
        if self.plan.troubled:
            self.proxy = self._stack.enter_context(Proxy(plane))
            self._product = self.proxy.kubeconfig(plane.kubeconfig, self.home / "troubled")
        agents = Agents(runner=self._runner)
        nodes = Nodes(
            plane.kubeconfig,
            self.home / "nodes",
            namespace=self.namespace,
            agents=agents,
        )
        nodes.pull(kubelets=self.plan.agents)
        self.nodes = self._stack.enter_context(nodes)
