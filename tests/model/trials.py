"""One world after the other, each from its own seed; a broken one can be read and run again."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tests.model.invariants import broken
from tests.model.world import World


def lived(seed: int) -> tuple[World, list[str]]:
    """Run one world; an assertion in its middle is a fault like those at its end."""
    world = World(seed)
    try:
        world.run()
    except AssertionError as error:
        return world, [str(error)]
    return world, broken(world)


def failures(seeds: Iterable[int]) -> Iterator[str]:
    """Run these worlds, and write down each that breaks."""
    with rare_collections():
        for seed in seeds:
            world, faults = lived(seed)
            if faults:
                yield told(world, faults)


def told(world: World, faults: list[str]) -> str:
    """Write what happened, to read and to run again."""
    away = {"github": world.chaos.github_away, "cloud": world.chaos.cloud_away}
    levers = {name: odds for name, odds in world.chaos.levers.items() if odds}
    lines = [f"{seconds:10.2f}  {' '.join(map(str, words))}" for seconds, words in world.timeline]
    head = [f"seed {world.seed}: {'; '.join(faults)}", f"{levers}", f"{away} {world.chaos.full}"]
    return "\n".join([*head, *lines])


@contextmanager
def rare_collections() -> Iterator[None]:
    """Every world is a knot of references: looking for knots takes a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
