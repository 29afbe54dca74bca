"""What goes wrong in AWS: machines taken, no capacity, answers lost, slow boots, no queue."""

from collections.abc import Callable

from simulator.aws.models import CapacityRule, Fault
from simulator.chaos import reading
from simulator.chaos.scene import Scene
from simulator.chaos.schedule import Act
from simulator.chaos.trouble_ours import loses_answer

LOST_ANSWERS, SLOW_BOOTS = 2, 3


class AwsTrouble:
    """The simulated AWS."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._aws, self._github = scene, scene.world.aws, scene.world.github
        self._full: list[CapacityRule] = []
        self.doers: dict[str, Callable[[Act], str]] = {
            "spot_loss": self._spot_loss,
            "hardware_loss": self._hardware_loss,
            "no_capacity": self._no_capacity,
            "lost_answer": self._lost_answer,
            "slow_boot": self._slow_boot,
            "silent_boot": self._silent_boot,
            "sqs_away": self._sqs_away,
        }

    def revive(self) -> None:
        """Nothing of AWS is ever killed."""

    def calm(self) -> None:
        """Put every lever back."""
        self._aws.calm()

    def _spot_loss(self, act: Act) -> str:
        fits = [one for one in self._aws.machines() if one.market == "spot" and not one.noticed_at]
        machine = self._scene.choose(act, map(reading.instance, fits))
        if machine is None:
            return ""
        self._aws.interrupt(machine.machine_id, after=act.seconds)
        return self._taken(machine.machine_id)

    def _hardware_loss(self, act: Act) -> str:
        machine = self._scene.choose(act, map(reading.instance, self._aws.machines()))
        if machine is None:
            return ""
        self._aws.lose(machine.machine_id, events=act.what == "told")
        return self._taken(machine.machine_id)

    def _taken(self, machine_id: str) -> str:
        self._scene.deed.taken = (machine_id,)
        return machine_id

    def _no_capacity(self, act: Act) -> str:
        market, machine_type, zone = act.what.split("/")
        rule = CapacityRule(market=market, instance_type=machine_type, zone=zone)
        self._full.append(rule)
        self._aws.capacity(rule)
        self._scene.after(act.seconds, lambda: self._refill(rule))
        return act.what

    def _refill(self, rule: CapacityRule) -> None:
        self._full.remove(rule)
        self._aws.plenty()
        for other in self._full:
            self._aws.capacity(other)

    def _lost_answer(self, act: Act) -> str:
        if not loses_answer(self._github, act.what):
            self._aws.fault(Fault(action=act.what, kind="lost_answer", times=LOST_ANSWERS))
        return act.what

    def _slow_boot(self, act: Act) -> str:
        self._aws.pull(slow_boots=SLOW_BOOTS, slow_boot_seconds=act.seconds)
        return f"{SLOW_BOOTS} machines"

    def _silent_boot(self, act: Act) -> str:
        self._aws.pull(never_register=1)
        return "1 machine"

    def _sqs_away(self, act: Act) -> str:
        self._aws.cut_off("sqs")
        self._scene.after(act.seconds, self._aws.cut_off)
        return "sqs"
