"""How a pool of placeholders ends: with its last volume, and not before."""

from datetime import timedelta

import pytest

from runs_fleet.answers import Failure
from runs_fleet.errors import Unavailable
from runs_fleet.pools import operators, placeholders
from runs_fleet.pools.definition import Cache, Targets
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder, PoolOperation
from tests.pools.definitions import at, pool

NOON = at("2026-03-02T12:00")
FIRST = "runs-fleet-cache-default-0"
THERE = PlaceholderFacts(ready=0, volumes=(FIRST,))
GOING = PlaceholderFacts(ready=0, leaving=(FIRST,))


def of_caches(hot: int = 0) -> PoolState:
    """A pool whose cluster has what it wants."""
    state = PoolState(
        definition=pool(mode="k8s", targets=Targets(hot=hot), cache=Cache(size=1, volumes=1))
    )
    answered(state, THERE)
    return state


def answered(
    state: PoolState, told: PlaceholderFacts | Failure, *, after: float = 0
) -> PlaceholderOrder:
    """Have the order that is due answered; returns it."""
    now = NOON + timedelta(seconds=after)
    order = turn(state, now).plan.calls.keep
    assert order is not None, "nothing is due"
    placeholders.kept(state, order, told, now)
    return order


def due(state: PoolState, *, after: float) -> bool:
    return turn(state, NOON + timedelta(seconds=after)).plan.calls.keep is not None


@pytest.mark.parametrize("hot", [0, 2])
def test_a_pool_that_ends_says_so_at_once(hot: int) -> None:
    state = of_caches(hot)
    assert not due(state, after=1)
    state.ending = "a test"
    assert answered(state, GOING, after=1).remove


def test_a_removal_is_ordered_again_until_the_last_volume_is_gone() -> None:
    state = of_caches()
    state.ending = "a test"
    answered(state, GOING, after=1)
    assert not turn(state, NOON + timedelta(seconds=2)).plan.over
    assert answered(state, GOING, after=20).remove
    assert answered(state, PlaceholderFacts(ready=0), after=40).remove
    assert turn(state, NOON + timedelta(seconds=41)).plan.over


def test_a_removal_that_fails_is_ordered_again_in_a_while() -> None:
    state = of_caches()
    state.ending = "a test"
    answered(state, Failure(Unavailable.__name__, "no answer"), after=1)
    assert not due(state, after=2)
    assert answered(state, PlaceholderFacts(ready=0), after=20).remove


def test_what_keeps_placeholders_away_is_said() -> None:
    state = of_caches(hot=2)
    trouble = "Unschedulable: no node has room"
    answered(state, PlaceholderFacts(ready=0, pending=2, trouble=trouble), after=70)
    assert trouble in turn(state, NOON + timedelta(seconds=71)).plan.reasons


def asked(state: PoolState, kind: str, *, after: float) -> None:
    told = PoolOperation.model_validate({"kind": kind, "by": "ops"})
    operators.operate(state, told, NOON + timedelta(seconds=after))


def test_an_operator_has_placeholders_made_anew_once() -> None:
    state = of_caches(hot=2)
    asked(state, "recycle", after=2)
    assert answered(state, THERE, after=3).recycled_at == NOON + timedelta(seconds=2)
    assert not due(state, after=4)


def test_a_recycling_that_fails_is_ordered_again() -> None:
    state = of_caches(hot=2)
    asked(state, "recycle", after=2)
    answered(state, Failure(Unavailable.__name__, "no answer"), after=3)
    assert answered(state, THERE, after=20).recycled_at == NOON + timedelta(seconds=2)


def test_a_pool_that_is_paused_keeps_its_placeholders_until_it_goes_on() -> None:
    state = of_caches(hot=2)
    asked(state, "pause", after=2)
    asked(state, "recycle", after=3)
    assert not due(state, after=4)
    asked(state, "resume", after=5)
    assert answered(state, THERE, after=6).recycled_at == NOON + timedelta(seconds=3)
