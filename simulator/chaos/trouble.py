"""Carries faults out, keeps a log of them, and puts right what lasts only for a while."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from runs_fleet.models import Mode
from simulator.chaos.evidence import Deed
from simulator.chaos.scene import Scene
from simulator.chaos.schedule import Act
from simulator.chaos.trouble_aws import AwsTrouble
from simulator.chaos.trouble_kube import KubeTrouble
from simulator.chaos.trouble_ours import OurTrouble
from simulator.chaos.trouble_pools import Managed, PoolTrouble
from simulator.github.plans import Chaos
from simulator.github.world import LeverRefused
from simulator.world import World

TRY_AGAIN = 0.3
GIVE_UP: dict[Mode, float] = {"ec2": 5.0, "k8s": 10.0}
# An operator waits for workers that were all killed, and a pool for its members.
GIVE_UP_POOLS = 20.0


class CloudTrouble(Protocol):
    """What can go wrong with one cloud."""

    @property
    def doers(self) -> dict[str, Callable[[Act], str]]:
        """What does each kind of fault; "" means that there was nothing to do it to."""
        ...

    def revive(self) -> None:
        """Start what was killed, and wait until it serves."""

    def calm(self) -> None:
        """Put everything right that is not put right after its time."""


class Trouble:
    """Does what a schedule says to one world. Nothing here waits: `due` is called often.

    A fault that needs a job or machine in some state waits for one for a while, then is missed.
    With `managers` there is trouble with pools.
    """

    def __init__(
        self,
        world: World,
        managers: Managed | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scene = Scene(world, clock=clock)
        self._mode = world.plan.modes[0]
        in_cluster = self._mode == "k8s"
        self._cloud: CloudTrouble = (KubeTrouble if in_cluster else AwsTrouble)(self._scene)
        self._patience = GIVE_UP[self._mode] if managers is None else GIVE_UP_POOLS
        self._doers = {**OurTrouble(self._scene).doers, **self._cloud.doers}
        if managers is not None:
            self._doers |= PoolTrouble(self._scene, managers).doers

    @property
    def deeds(self) -> list[Deed]:
        """The log."""
        return self._scene.deeds

    def do(self, act: Act, *, until: float | None = None) -> None:
        """Do it now, or as soon as there is something to do it to."""
        scene = self._scene
        until = until or scene.clock() + self._patience
        deed = Deed(at=datetime.now(UTC), kind=act.kind, what=act.what)
        scene.deeds.append(deed)
        deed.target = "" if scene.over else self._doers[act.kind](act)
        if deed.target:
            return
        if scene.clock() < until and not scene.over:
            scene.deeds.remove(deed)
            scene.after(TRY_AGAIN, lambda: self.do(act, until=until))
        else:
            deed.missed = True

    def due(self) -> None:
        """Put right what has lasted for its time."""
        self._scene.due()

    def calm(self) -> None:
        """Put everything right at once, and do nothing more."""
        self._scene.over = True
        self._cloud.revive()
        self._scene.settle()
        github = self._scene.world.github
        github.chaos(Chaos())
        github.clear_faults()
        self._cloud.calm()

    def approve(self) -> None:
        """Let every waiting job pass its gate."""
        for job in self._scene.jobs("waiting"):
            with suppress(LeverRefused):
                self._scene.world.github.approve(job.id)
