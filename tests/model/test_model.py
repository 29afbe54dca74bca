"""Thousands of small worlds, each with its own faults; a broken one prints its timeline."""

import os

import pytest

from tests.model.invariants import broken
from tests.model.world import World

RUNS = int(os.environ.get("RUNS_FLEET_MODEL_RUNS", "2000"))
CHUNK = 100


def told(world: World, faults: list[str]) -> str:
    """Write what happened, to read and to run again."""
    away = {"github": world.chaos.github_away, "cloud": world.chaos.cloud_away}
    levers = {name: odds for name, odds in world.chaos.levers.items() if odds}
    lines = [f"{seconds:10.2f}  {' '.join(map(str, words))}" for seconds, words in world.timeline]
    head = [f"seed {world.seed}: {'; '.join(faults)}", f"{levers}", f"{away} {world.chaos.full}"]
    return "\n".join([*head, *lines])


def lived(seed: int) -> tuple[World, list[str]]:
    """Run one world; an assertion in its middle is a fault like those at its end."""
    world = World(seed)
    try:
        world.run()
    except AssertionError as error:
        return world, [str(error)]
    return world, broken(world)


@pytest.mark.parametrize("first", range(0, RUNS, CHUNK))
def test_whatever_happens_nothing_is_lost_left_or_killed(first: int) -> None:
    worlds = (lived(seed) for seed in range(first, first + CHUNK))
    assert [told(world, faults) for world, faults in worlds if faults] == []
