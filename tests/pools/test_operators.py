"""What is written down of what people do to a pool: who, when and what."""

from typing import Any

import pytest

from runs_fleet.pools import operators
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.status import page
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import PoolOperation, PoolSettings
from tests.pools.worlds import NOON, definition


def kept() -> PoolState:
    state = PoolState(definition=definition())
    operators.begin(state, NOON)
    return state


def told(state: PoolState) -> str:
    return page(state, turn(state, NOON).plan, NOON)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"targets": Targets(hot=3, stopped=1)}, "targets.hot: 2 -> 3"),
        ({"min": 1, "max": 9}, "min: 0 -> 1; max: 6 -> 9"),
        ({"repositories": ("octo/*",)}, "repositories: none -> octo/*"),
    ],
)
def test_of_a_new_definition_it_is_written_what_changed(changes: Any, what: str) -> None:
    state = kept()
    settings = PoolSettings(definition=definition(**changes), by="ann@box")
    operators.configure(state, settings, NOON)
    [done] = state.operations
    assert (done.at, done.by, done.kind) == (NOON, "ann@box", "configure")
    assert sorted(done.reason.split("; ")) == sorted(what.split("; "))
    assert f"configure by ann@box: {done.reason}" in told(state)


def test_a_change_of_everything_is_cut_short() -> None:
    state = kept()
    names = tuple(f"octo/{number:03}" for number in range(200))
    settings = PoolSettings(definition=definition(repositories=names), by="ann@box")
    operators.configure(state, settings, NOON)
    assert len(state.operations[0].reason) == operators.LONGEST_REASON


@pytest.mark.parametrize("by", ["", " "])
def test_a_definition_of_nobody_is_refused(by: str) -> None:
    settings = PoolSettings(definition=definition(max=9), by=by)
    assert "needs `by`" in operators.refusal_of_settings(kept(), settings)


def test_the_page_says_to_what_a_pool_was_resized() -> None:
    state = kept()
    asked = PoolOperation(kind="resize", by="ann@box", reason="a release", targets={"hot": 5})
    operators.operate(state, asked, NOON)
    assert "resize hot=5 by ann@box: a release" in told(state)
