"""A real control plane as child processes: etcd, API server, controller manager and scheduler."""

import os
import secrets
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from simulator.kube import building, pki
from simulator.kube.api import Json
from simulator.kube.cluster import Cluster, write_kubeconfig
from simulator.ports import free_port
from simulator.processes import die_with_parent, end

LOOPBACK = "127.0.0.1"
READY_WITHIN = 60.0
LOOK_EVERY = 0.05
TRIES = 3
TAIL = 600

# For claims that name no class; the controller manager itself provides the volumes.
STORAGE: Json = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "simulated",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "kubernetes.io/host-path",
}
# What an operator makes beforehand, or the chart: runners take the places of placeholders.
PRIORITIES: tuple[Json, ...] = tuple(
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": f"runs-fleet-{kind}"},
        "value": value,
    }
    for kind, value in (("placeholder", -10), ("runner", 0))
)


class ControlPlaneFailed(RuntimeError):
    """A component did not start; the message ends with the tail of its log."""


@dataclass(frozen=True)
class Options:
    """What can differ between control planes.

    `compaction` is how often etcd forgets (watches from before then get 410), `most_requests`
    how many calls are served at once before the answer is 429, `audit` writes each call to a
    file. Nodes that say nothing for `node_grace` seconds are NotReady, and `tolerated` seconds
    later their pods are evicted. Garbage is collected after each `growth` percent (Go's GOGC):
    more takes memory, and saves CPU time.
    """

    compaction: str = "5m"
    most_requests: int = 0
    audit: bool = False
    growth: int = 100
    node_grace: float = 50
    tolerated: int = 300


class ControlPlane:
    """Starts everything on free ports with its files in `home`; leaving the context ends it.

    The thread that starts it must outlive it: Linux ends children with the thread that made them.
    """

    def __init__(self, home: Path, options: Options | None = None) -> None:
        self.home = home
        self.options = options or Options()
        self.kubeconfig = home / "kubeconfig"
        self.audit_log = home / "audit.log"
        self.port = self._etcd_port = self._peer_port = 0
        self._binary = Path()
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._cluster: Cluster | None = None

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def authority(self) -> Path:
        """The certificate that signs the API server's."""
        return self.home / "pki" / "ca.crt"

    @property
    def cluster(self) -> Cluster:
        """The cluster as its administrator."""
        assert self._cluster is not None
        return self._cluster

    @property
    def pids(self) -> dict[str, int]:
        """The processes of the components that were started."""
        return {name: process.pid for name, process in self._running.items()}

    def start(self) -> None:
        """Start, and wait until the API server is ready; a port that was taken means again."""
        self._binary = building.binary()
        pki.write(self.home / "pki")
        for left in reversed(range(TRIES)):
            try:
                self._start()
                return
            except ControlPlaneFailed:
                self.stop()
                if not left:
                    raise

    def stop(self) -> None:
        """End everything, the API server before its store; ended already is fine."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None
        for name in reversed(list(self._running)):
            end(self._running.pop(name))

    def kill_apiserver(self) -> None:
        """Kill the API server without a word."""
        self._running["kube-apiserver"].kill()
        self._running["kube-apiserver"].wait()

    def launch_apiserver(self) -> None:
        """Start the API server again and wait for nothing; one that runs is left alone."""
        if self._running["kube-apiserver"].poll() is not None:
            self._launch_apiserver()

    def start_apiserver(self) -> None:
        """Start the API server again, where it was; what it stored is still there."""
        for left in reversed(range(TRIES)):
            self.launch_apiserver()
            try:
                return self._wait_ready()
            except ControlPlaneFailed:
                # While it was away, somebody's outgoing connection may have had its port.
                if not left:
                    raise

    def restart_apiserver(self) -> None:
        """Kill the API server, start it again, and wait until it is ready."""
        self.kill_apiserver()
        self.start_apiserver()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self.port, self._etcd_port, self._peer_port = free_port(), free_port(), free_port()
        self._write_access()
        self._launch_etcd()
        self._launch_apiserver()
        self._cluster = Cluster(self.kubeconfig, home=self.home, worlds=True)
        self._wait_ready()
        self._launch_controllers()
        self._launch_scheduler()
        self.cluster.api.post("/apis/storage.k8s.io/v1/storageclasses", STORAGE)
        for each in PRIORITIES:
            self.cluster.api.post("/apis/scheduling.k8s.io/v1/priorityclasses", each)

    def _write_access(self) -> None:
        token = secrets.token_hex(16)
        tokens = self.home / "pki" / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f'{token},admin,admin,"system:masters"\n')
        cluster = {"server": self.url, "certificate-authority": str(self.authority)}
        write_kubeconfig(self.kubeconfig, cluster=cluster, user={"token": token})
        rule = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
        (self.home / "audit.yaml").write_text(rule + "omitStages: [RequestReceived]\n")

    def _launch_etcd(self) -> None:
        client, peer = (f"http://{LOOPBACK}:{n}" for n in (self._etcd_port, self._peer_port))
        self._launch(
            "etcd",
            f"--data-dir={self.home / 'etcd'}",
            "--unsafe-no-fsync",
            "--log-level=warn",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
        )

    def _launch_apiserver(self) -> None:
        keys, options = self.home / "pki", self.options
        self._launch(
            "kube-apiserver",
            f"--etcd-servers=http://{LOOPBACK}:{self._etcd_port}",
            f"--etcd-compaction-interval={options.compaction}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.port}",
            f"--advertise-address={LOOPBACK}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={keys / 'server.crt'}",
            f"--tls-private-key-file={keys / 'server.key'}",
            f"--client-ca-file={keys / 'ca.crt'}",
            f"--token-auth-file={keys / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--enable-admission-plugins=PodNodeSelector",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={keys / 'sa.pub'}",
            f"--service-account-signing-key-file={keys / 'sa.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
            f"--default-unreachable-toleration-seconds={options.tolerated}",
            f"--default-not-ready-toleration-seconds={options.tolerated}",
            *self._limits(),
            *self._audit(),
        )

    def _limits(self) -> list[str]:
        """Without fair queues a call over the limit is refused at once."""
        if not self.options.most_requests:
            return []
        return [
            "--enable-priority-and-fairness=false",
            f"--max-requests-inflight={self.options.most_requests}",
            f"--max-mutating-requests-inflight={self.options.most_requests}",
        ]

    def _audit(self) -> list[str]:
        if not self.options.audit:
            return []
        policy = self.home / "audit.yaml"
        return [f"--audit-log-path={self.audit_log}", f"--audit-policy-file={policy}"]

    def _launch_controllers(self) -> None:
        keys = self.home / "pki"
        self._launch(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            "--secure-port=0",
            "--leader-elect=false",
            f"--service-account-private-key-file={keys / 'sa.key'}",
            f"--root-ca-file={keys / 'ca.crt'}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            "--concurrent-job-syncs=20",
            "--enable-hostpath-provisioner=true",
            f"--node-monitor-grace-period={self.options.node_grace:g}s",
        )

    def _launch_scheduler(self) -> None:
        self._launch(
            "kube-scheduler",
            f"--kubeconfig={self.kubeconfig}",
            "--secure-port=0",
            "--leader-elect=false",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        )

    def _launch(self, name: str, *flags: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [self._binary, name, *flags],
                env=os.environ | {"GOGC": str(self.options.growth)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while not self.cluster.api.ready():
            self._check()
            if time.monotonic() > deadline:
                raise ControlPlaneFailed(f"not ready in {READY_WITHIN:g} s: see {self.home}")
            time.sleep(LOOK_EVERY)

    def _check(self) -> None:
        for name, process in self._running.items():
            if process.poll() is not None:
                tail = (self.home / f"{name}.log").read_text(errors="replace")[-TAIL:]
                raise ControlPlaneFailed(f"{name} ended with {process.returncode}: {tail}")
