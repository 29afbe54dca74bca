"""What a manager does with volumes that somebody may have mounted of whom it does not know."""

from datetime import datetime, timedelta

from runs_fleet.models import RunnerSpec
from runs_fleet.pools import claims, placeholders
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import (
    PlaceholderFacts,
    PlaceholderOrder,
    PoolAnswer,
    PoolClaim,
    PoolLeave,
)
from tests.pools.definitions import at, pool

NOON = at("2026-03-02T12:00")
FIRST, SECOND = (f"runs-fleet-cache-default-{number}" for number in range(2))
BOTH = (FIRST, SECOND)
FOUND = PlaceholderFacts(ready=0, volumes=BOTH)
# The next look, whose answer counts: by then whoever was lent a volume has it mounted.
LATER = placeholders.LOOK_EVERY.total_seconds()


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def begun(told: PlaceholderFacts) -> PoolState:
    """A manager that has just begun, and what it was told first."""
    state = PoolState(definition=pool(mode="k8s", cache=Cache(size=1, volumes=2)))
    state.begin(NOON)
    looked(state, told)
    return state


def looked(state: PoolState, told: PlaceholderFacts, *, seconds: float = 0) -> PlaceholderOrder:
    """Have the cluster looked at; returns what was asked of it."""
    state.keep_at = None
    order = turn(state, after(seconds)).plan.calls.keep
    assert order is not None, "a look is due"
    placeholders.kept(state, order, told, after(seconds))
    return order


def claimed(state: PoolState, job_id: int, *, seconds: float) -> PoolAnswer:
    """Have a job claim, and return its answer."""
    claim = PoolClaim(
        job_id=job_id,
        attempt=1,
        runner=f"runs-fleet-{job_id}-1",
        repo="acme/app",
        label="runs-fleet=1/cpu=2/pool=default",
        spec=RunnerSpec(),
        asked_at=after(seconds),
    )
    claims.claimed(state, claim, after(seconds))
    [answer] = turn(state, after(seconds)).answers
    return answer


def test_volumes_that_were_just_made_are_lent_at_once() -> None:
    state = begun(PlaceholderFacts(ready=0, volumes=BOTH, made=BOTH))
    assert claimed(state, 7, seconds=1).cache == FIRST


def test_volumes_that_were_there_before_the_manager_are_lent_to_nobody_at_first() -> None:
    state = begun(FOUND)
    assert claimed(state, 7, seconds=1).kind == "none"


def test_a_new_volume_beside_an_old_one_is_lent() -> None:
    state = begun(PlaceholderFacts(ready=0, volumes=BOTH, made=(SECOND,)))
    assert claimed(state, 7, seconds=1).cache == SECOND
    assert claimed(state, 8, seconds=1).kind == "none"


def test_a_look_that_comes_too_soon_settles_nothing() -> None:
    state = begun(FOUND)
    looked(state, FOUND, seconds=10)
    assert claimed(state, 7, seconds=11).kind == "none"


def test_a_volume_that_no_pod_has_a_minute_later_is_lent() -> None:
    state = begun(FOUND)
    order = looked(state, FOUND.model_copy(update={"mounted": (FIRST,)}), seconds=LATER)
    assert order.doubted == BOTH
    assert claimed(state, 7, seconds=LATER + 1).cache == SECOND
    assert claimed(state, 8, seconds=LATER + 1).kind == "none"


def test_a_volume_is_lent_when_its_pod_has_ended() -> None:
    state = begun(FOUND)
    looked(state, FOUND.model_copy(update={"mounted": BOTH}), seconds=LATER)
    assert looked(state, FOUND, seconds=2 * LATER).doubted == BOTH
    assert claimed(state, 7, seconds=2 * LATER + 1).cache == FIRST


def test_a_manager_that_goes_on_in_a_new_history_doubts_nothing_anew() -> None:
    state = begun(PlaceholderFacts(ready=0, volumes=BOTH, made=BOTH))
    going_on = PoolState.model_validate_json(state.model_dump_json())
    looked(going_on, FOUND, seconds=5)
    assert claimed(going_on, 7, seconds=6).cache == FIRST


def given_back(*, running: bool) -> PoolState:
    """A manager with one volume, that a job had for a while and says it has no more."""
    state = begun(PlaceholderFacts(ready=0, volumes=(FIRST,), made=(FIRST,)))
    assert claimed(state, 7, seconds=1).cache == FIRST
    left = PoolLeave(job_id=7, attempt=1, member=FIRST, gone=True, final=True, running=running)
    claims.left(state, left, after(10))
    return state


def test_a_volume_whose_runner_said_that_it_ended_is_lent_at_once() -> None:
    state = given_back(running=False)
    assert claimed(state, 8, seconds=11).cache == FIRST


def test_a_volume_whose_runner_may_still_run_is_kept_until_no_pod_has_it() -> None:
    state = given_back(running=True)
    assert claimed(state, 8, seconds=11).kind == "none"
    assert turn(state, after(20)).plan.calls.keep is None
    order = turn(state, after(25)).plan.calls.keep
    assert order is not None
    assert (order.leased, order.doubted) == ((FIRST,), (FIRST,))
    held = PlaceholderFacts(ready=0, volumes=(FIRST,), mounted=(FIRST,))
    placeholders.kept(state, order, held, after(26))
    assert claimed(state, 9, seconds=27).kind == "none"
    again = turn(state, after(41)).plan.calls.keep
    assert again is not None
    placeholders.kept(state, again, held.model_copy(update={"mounted": ()}), after(42))
    assert claimed(state, 10, seconds=43).cache == FIRST


def test_a_look_that_began_before_a_volume_was_given_back_tells_nothing_of_it() -> None:
    state = begun(PlaceholderFacts(ready=0, volumes=(FIRST,), made=(FIRST,)))
    assert claimed(state, 7, seconds=1).cache == FIRST
    state.keep_at = None
    order = turn(state, after(9)).plan.calls.keep
    assert order is not None
    left = PoolLeave(job_id=7, attempt=1, member=FIRST, gone=True, final=True, running=True)
    claims.left(state, left, after(10))
    found = PlaceholderFacts(ready=0, volumes=(FIRST,))
    placeholders.kept(state, order, found, after(11))
    assert claimed(state, 8, seconds=12).kind == "none"
