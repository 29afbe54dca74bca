"""What goes wrong in a cluster: pods and nodes taken, no room, stalls, its API server, Valkey."""

from collections.abc import Callable

from simulator.chaos import reading
from simulator.chaos.machines import Machine
from simulator.chaos.scene import Scene
from simulator.chaos.schedule import Act
from simulator.chaos.trouble_ours import loses_answer
from simulator.kube.faults import Fault
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Manners
from simulator.kube.pods import NoSuch

EVERYTHING = "*"
BOOT, SPREAD = 0.5, 0.3
LEASE_EVERY = 2.0
CALLS = 8
# A port that was taken meanwhile ends the API server again.
MINDED = (1.0, 2.0, 4.0)
ANSWERS = {
    "429": Fault("answer", status=429, retry_after=1, times=CALLS),
    "500": Fault("answer", status=500, times=CALLS),
    "503": Fault("answer", status=503, times=CALLS),
    "slow": Fault("delay", seconds=1.0, times=CALLS),
}
# The worker's paths only; the watch is nobody's answer.
LOST = {
    "job": Fault("lost_answer", method="POST", path="*/jobs", times=2),
    "config_map": Fault("lost_answer", method="POST", path="*/configmaps", times=2),
    "secret": Fault("lost_answer", method="POST", path="*/secrets", times=2),
    "removal": Fault("lost_answer", method="DELETE", path="*/jobs/*", times=2),
}


class KubeTrouble:
    """The simulated nodes, the real control plane before which a proxy stands, and Valkey."""

    def __init__(self, scene: Scene) -> None:
        kube = scene.world.kube
        assert kube.nodes is not None, "somebody else's cluster is left in peace"
        assert kube.plane is not None, "somebody else's cluster is left in peace"
        assert kube.proxy is not None, "chaos needs the proxy of a troubled world"
        self._scene, self._valkey, self._github = scene, kube.valkey, scene.world.github
        self._nodes, self._plane, self._proxy = kube.nodes, kube.plane, kube.proxy
        self._nodes.pull(boot_seconds=BOOT, boot_spread=SPREAD, lease_every=LEASE_EVERY)
        self.doers: dict[str, Callable[[Act], str]] = {
            "apiserver_killed": self._kill_apiserver,
            "valkey_killed": self._kill_valkey,
            "eviction": self._evict,
            "preemption": self._preempt,
            "oom_kill": self._oom_kill,
            "node_loss": self._lose_node,
            "drain": self._drain,
            "no_room": self._no_room,
            "stall": self._stall,
            "api_trouble": self._api_trouble,
            "lost_answer": self._lost_answer,
            "slow_boot": self._slow_boot,
            "silent_boot": self._silent_boot,
        }

    def revive(self) -> None:
        """Have the API server and Valkey serve again."""
        self._plane.start_apiserver()
        self._start_valkey()

    def calm(self) -> None:
        """Put every lever back."""
        self._proxy.calm()
        self._nodes.calm()
        self._nodes.pull(**{**vars(Manners()), "lease_every": LEASE_EVERY})

    def _kill_apiserver(self, act: Act) -> str:
        if not self._serves():
            return ""
        self._plane.kill_apiserver()
        self._scene.restart(act.seconds, self._plane.launch_apiserver)
        for late in MINDED:
            self._scene.after(act.seconds + late, self._plane.launch_apiserver)
        return "kube-apiserver"

    def _kill_valkey(self, act: Act) -> str:
        if self._valkey.process is None:
            return ""
        self._valkey.kill()
        self._scene.restart(act.seconds, self._start_valkey)
        return "valkey"

    def _start_valkey(self) -> None:
        if self._valkey.process is None:
            self._valkey.start()

    def _evict(self, act: Act) -> str:
        return self._strike(act, self._nodes.evict)

    def _preempt(self, act: Act) -> str:
        return self._strike(act, self._nodes.preempt) if self._serves() else ""

    def _oom_kill(self, act: Act) -> str:
        return self._strike(act, self._nodes.oom_kill)

    def _strike(self, act: Act, strike: Callable[[str], None]) -> str:
        pod = self._pod(act)
        if pod is None:
            return ""
        try:
            strike(pod.machine_id)
        except NoSuch:
            return ""
        self._scene.deed.taken = (pod.machine_id,)
        return pod.machine_id

    def _lose_node(self, act: Act) -> str:
        """Cut a node off; of a silent loss the cloud tells before GitHub gives the job up."""
        node = self._node(act)
        if node:
            silent = act.what == "silent"
            self._scene.deed.taken = tuple(self._nodes.lose_node(node, silent=silent))
            if silent:
                self._when_serving(act.seconds, lambda: self._nodes.forget_node(node))
        return node

    def _drain(self, act: Act) -> str:
        """Have a node drained, as by a spot notice, and taken away a little later."""
        node = self._node(act)
        if node:
            deed = self._scene.deed
            deed.taken = tuple(self._nodes.drain(node))

            def lose() -> None:
                if node in self._nodes.names():
                    deed.taken += tuple(set(self._nodes.lose_node(node)) - set(deed.taken))

            self._when_serving(act.seconds, lose)
        return node

    def _no_room(self, act: Act) -> str:
        if not self._serves():
            return ""
        self._nodes.fill(act.what)
        self._when_serving(act.seconds, self._nodes.empty)
        return act.what

    def _stall(self, act: Act) -> str:
        stalls = {"image": Nodes.fail_pull, "config": Nodes.fail_config}
        stalls[act.what](self._nodes, EVERYTHING)
        self._scene.after(act.seconds, self._nodes.resume)
        return "every new container"

    def _api_trouble(self, act: Act) -> str:
        if act.what in ANSWERS:
            self._proxy.fault(_fresh(ANSWERS[act.what]))
        elif act.what == "reset":
            self._proxy.reset_all()
        else:
            self._proxy.refuse()
            self._scene.after(act.seconds, self._proxy.resume)
        return act.what

    def _lost_answer(self, act: Act) -> str:
        if not loses_answer(self._github, act.what):
            self._proxy.fault(_fresh(LOST[act.what]))
        return act.what

    def _slow_boot(self, act: Act) -> str:
        self._nodes.pull(boot_seconds=act.seconds)
        self._scene.after(act.seconds, lambda: self._nodes.pull(boot_seconds=BOOT))
        return "every new pod"

    def _silent_boot(self, act: Act) -> str:
        self._nodes.pull(mute=1)
        return "1 pod"

    def _pod(self, act: Act) -> Machine | None:
        return self._scene.choose(act, map(reading.pod, self._nodes.pods()))

    def _node(self, act: Act) -> str:
        """Choose a node on which something runs."""
        pod = self._pod(act) if self._serves() else None
        return pod.node if pod else ""

    def _serves(self) -> bool:
        return self._plane.cluster.api.ready()

    def _when_serving(self, seconds: float, mend: Callable[[], object]) -> None:
        """Put something right by way of the API server; one that is away is waited for."""

        def mend_or_wait() -> None:
            if self._scene.over or self._serves():
                mend()
            else:
                self._when_serving(MINDED[0], mend)

        self._scene.after(seconds, mend_or_wait)


def _fresh(fault: Fault) -> Fault:
    """Copy a fault, as each counts how often it was met."""
    return Fault(**{**vars(fault), "met": 0})
