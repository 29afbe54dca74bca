"""What goes wrong with warm pools: their managers, their operators, members, placeholders."""

from collections.abc import Callable, Iterable
from typing import Protocol

from runs_fleet import names
from simulator.aws.models import Fault as AwsFault
from simulator.chaos import pools, reading
from simulator.chaos.machines import Machine
from simulator.chaos.scene import Scene
from simulator.chaos.schedule import JOBS_OF_A_LATE_ANSWER, Act
from simulator.github.plans import JobPlan, RunPlan
from simulator.github.world import LeverRefused
from simulator.kube.faults import Fault as KubeFault
from simulator.kube.pods import NoSuch

# Into the midst of claims: a busy machine takes a moment from a webhook to a claim.
UNTIL_CLAIMED = 0.6
LOST_ANSWERS, FAILED_STARTS = 2, 3
FULL = "InsufficientInstanceCapacity"
LOST = {
    "deployment": KubeFault("lost_answer", method="PATCH", path="*/deployments/*", times=2),
    "volume": KubeFault("lost_answer", method="POST", path="*/persistentvolumeclaims", times=2),
}
Doers = dict[str, Callable[[Act], str]]


class Managed(Protocol):
    """The managers of pools, as trouble sees them."""

    def terminate(self, pool: str) -> bool:
        """End one without a word; tells whether one was there."""
        ...

    def operate(self, pool: str, kind: str) -> bool:
        """Do something to a pool by hand; tells whether it was heard."""
        ...


class PoolTrouble:
    """Pools of either mode."""

    def __init__(self, scene: Scene, managers: Managed) -> None:
        self._scene, self._world, self._managers = scene, scene.world, managers
        self._mode = scene.world.plan.modes[0]
        cloud = KubePoolTrouble(scene) if self._mode == "k8s" else AwsPoolTrouble(scene, managers)
        self.doers: Doers = {
            "manager_terminated": self._terminate,
            "answer_late": self._answer_late,
            "pool_operated": self._operate,
            **cloud.doers,
        }

    def _terminate(self, act: Act) -> str:
        return act.what if self._managers.terminate(act.what) else ""

    def _operate(self, act: Act) -> str:
        kind, pool = act.what.split("/")
        if not self._managers.operate(pool, kind):
            return ""
        if kind != "recycle":
            self._resume(act.seconds, pool)
        return act.what

    def _resume(self, seconds: float, pool: str) -> None:
        """Open a pool again; a manager that is away is waited for, or has forgotten."""

        def resume() -> None:
            if not self._managers.operate(pool, "resume") and not self._scene.over:
                self._resume(1.0, pool)

        self._scene.after(seconds, resume)

    def _answer_late(self, act: Act) -> str:
        """Have jobs claim, and all workers die before they can be answered."""
        label = pools.LABELS[self._mode][act.draw % len(pools.LABELS[self._mode])]
        jobs = tuple(
            JobPlan(name=f"late {number}", labels=(label,), seconds=1.0)
            for number in range(JOBS_OF_A_LATE_ANSWER)
        )
        self._world.github.create_run(RunPlan(repo=pools.REPOSITORY, jobs=jobs))
        killed = list[int]()
        self._scene.after(UNTIL_CLAIMED * (act.draw % 100) / 100, lambda: self._kill(killed))
        self._scene.restart(UNTIL_CLAIMED + act.seconds, lambda: self._start(killed))
        return label

    def _kill(self, killed: list[int]) -> None:
        for number, worker in enumerate(self._world.workers):
            if worker.poll() is None:
                self._world.kill_worker(number)
                killed.append(number)

    def _start(self, killed: list[int]) -> None:
        for number in killed:
            self._world.start_worker(number)


class AwsPoolTrouble:
    """Members that are machines."""

    def __init__(self, scene: Scene, managers: Managed) -> None:
        self._scene, self._managers = scene, managers
        self._aws, self._github = scene.world.aws, scene.world.github
        self.doers: Doers = {
            "member_loss": self._lose,
            "start_fails": self._fail_starts,
            "member_answer": self._lose_answer,
            "idle_dropped": self._drop,
        }

    def _lose(self, act: Act) -> str:
        found = [each for each in self._members() if self._stands(each) == act.what]
        if not found:
            return ""
        machine = found[act.draw % len(found)]
        self._scene.deed.taken = (machine.machine_id,)
        self._aws.lose(machine.machine_id, events=act.draw % 2 == 0)
        return machine.machine_id

    def _members(self) -> Iterable[Machine]:
        every = map(reading.instance, self._aws.machines())
        return [each for each in every if each.member and each.ended is None]

    def _stands(self, machine: Machine) -> str:
        """Say what a member is just now."""
        works = {names.pool_of(job.runners[-1]) for job in self._scene.jobs("in_progress")}
        if machine.runner or (machine.pool, machine.member) in works:
            return "claimed"
        if machine.state == "stopped":
            return "stopped"
        return "listening" if machine.pool == "ears" else "hot"

    def _fail_starts(self, act: Act) -> str:
        fault = AwsFault(action="StartInstances", kind="error", times=FAILED_STARTS, code=FULL)
        self._aws.fault(fault)
        return FULL

    def _lose_answer(self, act: Act) -> str:
        """Lose answers; of members' orders some are due when the pool is recycled."""
        if act.what == "CreateFleet" and not self._managers.operate("warm", "recycle"):
            return ""
        self._aws.fault(AwsFault(action=act.what, kind="lost_answer", times=LOST_ANSWERS))
        return act.what

    def _drop(self, act: Act) -> str:
        """Have GitHub forget a listening member that has no job."""
        books = self._github.books(deliveries=False)
        idle = [one for one in books.registered if one.online and not one.busy]
        found = [one.name for one in idle if names.pool_of(one.name)]
        if not found:
            return ""
        runner = found[act.draw % len(found)]
        try:
            self._github.remove_runner(runner)
        except LeverRefused:
            return ""
        return runner


class KubePoolTrouble:
    """Placeholders and volumes."""

    def __init__(self, scene: Scene) -> None:
        kube = scene.world.kube
        assert kube.nodes is not None, "somebody else's cluster is left in peace"
        assert kube.plane is not None, "somebody else's cluster is left in peace"
        assert kube.proxy is not None, "chaos needs the proxy of a troubled world"
        self._scene, self._nodes, self._proxy = scene, kube.nodes, kube.proxy
        self._plane = kube.plane
        self.doers: Doers = {
            "placeholder_loss": self._lose,
            "pool_answer": self._lose_answer,
        }

    def _lose(self, act: Act) -> str:
        every = map(reading.pod, self._nodes.pods())
        found = [each for each in every if each.member and each.ended is None]
        if not found or not self._plane.cluster.api.ready():
            return ""
        pod = found[act.draw % len(found)].machine_id
        strikes = {"evicted": self._nodes.evict, "preempted": self._nodes.preempt}
        try:
            strikes[act.what](pod)
        except NoSuch:
            return ""
        self._scene.deed.taken = (pod,)
        return pod

    def _lose_answer(self, act: Act) -> str:
        self._proxy.fault(KubeFault(**{**vars(LOST[act.what]), "met": 0}))
        return act.what
