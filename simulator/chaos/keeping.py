"""The pools of one world: begun before the chaos, looked at after it, and ended at the end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from runs_fleet.pools.state import READY, TIERS, targets_of
from runs_fleet.pools.status import PoolStatus
from simulator.chaos import pools, reading
from simulator.chaos.evidence import OVER
from simulator.chaos.managers import Managers
from simulator.chaos.pools import Pools
from simulator.world import World

LOOK = 0.5
WARM_WITHIN = 60.0
# A machine that a new manager does not know is its own after two looks, a minute apart.
AGAIN_WITHIN = 240.0
HOME_OF_POOLS = "pools.yaml"


class Keeping:
    """Has a world's pools kept by the product, and ended by an operator."""

    def __init__(self, world: World, managers: Managers) -> None:
        self._world, self.managers = world, managers
        self._pools = Pools(world.plan.modes[0])
        self.short: dict[str, str] = {}

    @property
    def maxes(self) -> dict[str, int]:
        """How many members each pool may have."""
        return {each.name: each.max for each in self._pools.definitions}

    def begin(self) -> None:
        """Let GitHub know of the organization, and wait for the first warm members."""
        self._world.github.install(pools.REPOSITORY)
        self._until(lambda: all(map(self._resumed, self._pools.names)), WARM_WITHIN)
        self._until(lambda: not self._lacking(), WARM_WITHIN)

    def settle(self) -> None:
        """Wait until the pools are again as they are defined, and note which are not."""
        for name in self._pools.names:
            self._resumed(name)
        self._until(lambda: not self._lacking(), AGAIN_WITHIN)
        self.short = self._lacking()

    def drain(self, home: Path) -> None:
        """Define no pool any more, and let the members of those that there are go."""
        (home / HOME_OF_POOLS).write_text(pools.NONE)
        for name in self._pools.names:
            self.managers.operate(name, "drain")

    def ends(self) -> dict[str, str]:
        """Say how each manager stands; one that runs is cancelled."""
        return {name: self.managers.ended(name) for name in self._pools.names}

    def over(self) -> bool:
        """Whether every manager has ended."""
        return all(end == OVER for end in self.ends().values())

    def _resumed(self, name: str) -> bool:
        return self.managers.operate(name, "resume")

    def _lacking(self) -> dict[str, str]:
        """Name the pools that are not as they are defined, and say why."""
        told = {name: self.managers.status(name) for name in self._pools.names}
        placed = self._placed()
        found = {
            name: "nobody tells" if status is None else "; ".join(lacks(status, placed[name]))
            for name, status in told.items()
        }
        return {name: words for name, words in found.items() if words}

    def _placed(self) -> Counter[str]:
        """Count the placeholders that run: of a pod that comes up a manager hears in a minute."""
        nodes = self._world.nodes
        every = map(reading.pod, nodes.pods()) if nodes else ()
        return Counter(each.pool for each in every if each.member and each.ran and not each.ended)

    def _until(self, holds: Callable[[], bool], patience: float) -> None:
        deadline = time.monotonic() + patience
        while not holds() and time.monotonic() < deadline:
            time.sleep(LOOK)


def lacks(status: PoolStatus, placed: int = 0) -> Iterator[str]:
    """Say what a pool lacks of what is wanted, where so many placeholders run."""
    if status.unknown:
        yield f"{status.unknown} machines are not known"
    if status.definition.mode == "k8s":
        yield from _lacks_in_a_cluster(status, placed)
        return
    for tier in TIERS:
        ready = status.counts.get(tier, {}).get(READY[tier], 0)
        # One that GitHub has just dropped is about to be registered again.
        about = status.counts.get(tier, {}).get("registering", 0) if tier == "listening" else 0
        if ready + about < targets_of(status.definition.targets, tier):
            yield f"{tier}: {status.counts.get(tier, {})}; {status.trouble}"


def _lacks_in_a_cluster(status: PoolStatus, placed: int) -> Iterator[str]:
    definition, facts = status.definition, status.placeholders
    if placed < definition.targets.hot:
        yield f"{placed} of {definition.targets.hot} placeholders; {status.trouble}"
    if definition.cache and (not facts or len(facts.volumes) < definition.cache.volumes):
        yield f"volumes: {facts.volumes if facts else ()}"
    if status.leases:
        yield f"volumes are lent to {sorted(status.leases.values())}"
