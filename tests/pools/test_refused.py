"""A pool that would begin with a wrong definition: it does nothing, says why, and ends."""

from datetime import timedelta
from typing import Any

import pytest

from runs_fleet.pools import claims, operators
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.status import page, status
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import PoolSettings
from tests.pools.worlds import NOON, claim, definition

TOO_MANY: dict[str, Any] = {"targets": Targets(hot=9), "max": 3}
SAID = "9 members are more than max 3"
MOMENT = timedelta(seconds=1)


def began(*, untried: bool = True, **changes: Any) -> PoolState:
    """A manager that has just begun."""
    state = PoolState(definition=definition(**changes), untried=untried)
    operators.begin(state, NOON)
    return state


@pytest.mark.parametrize("mode", ["ec2", "k8s"])
def test_it_asks_for_nothing_and_ends_once_it_has_answered(mode: str) -> None:
    state = began(**TOO_MANY, mode=mode)
    first = turn(state, NOON).plan
    assert (first.calls, first.over, first.wake_at) == (Calls(), False, NOON + MOMENT)
    last = turn(state, NOON + MOMENT).plan
    assert (last.calls, last.over) == (Calls(), True)


def test_whoever_began_it_and_whoever_looks_is_told_why() -> None:
    state = began(**TOO_MANY)
    asked = PoolSettings(definition=state.definition, by="ops")
    made = turn(state, NOON).plan
    assert SAID in operators.refusal_of_settings(state, asked)
    assert SAID in page(state, made, NOON)
    assert status(state, made, NOON).word == "ending"


def test_a_job_that_claims_meanwhile_goes_the_cold_way() -> None:
    state = began(**TOO_MANY)
    claims.claimed(state, claim(1), NOON)
    [answer] = turn(state, NOON).answers
    assert answer.kind == "none"
    assert SAID in answer.reason


def test_a_right_definition_that_comes_meanwhile_is_followed() -> None:
    state = began(**TOO_MANY)
    operators.configure(state, PoolSettings(definition=definition(), by="ops"), NOON)
    later = turn(state, NOON + MOMENT).plan
    assert later.calls.survey is not None
    assert not later.over


@pytest.mark.parametrize(
    "state", [began(), began(**TOO_MANY, untried=False)], ids=["right", "goes on"]
)
def test_a_right_pool_and_one_that_goes_on_are_kept(state: PoolState) -> None:
    assert turn(state, NOON).plan.calls.survey is not None
    assert not turn(state, NOON + MOMENT).plan.over
