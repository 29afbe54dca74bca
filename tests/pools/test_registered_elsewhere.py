"""What becomes of members that listen where their pool does not register any more."""

from datetime import timedelta

import pytest

from runs_fleet.models import Machine, Policy, Scope
from runs_fleet.pools import orders
from runs_fleet.pools.definition import Listening, Targets
from runs_fleet.pools.state import Member, PoolState
from runs_fleet.pools.stock import elsewhere, spec_hash, stale
from runs_fleet.pools.turning import turn
from tests.pools.worlds import LABEL, NOON, claim, definition

HERE = Listening(scope=Scope(repo="octo/hello"), label=LABEL)
OTHER_PLACE = Listening(scope=Scope(repo="octo/world"), label=LABEL)
OTHER_LABEL = Listening(scope=Scope(repo="octo/hello"), label="runs-fleet/pool=other")
NAME = "default-abc123-1"


def registered() -> PoolState:
    """A pool with one member, which has just been registered."""
    policy = Policy(max_runtime=timedelta(hours=20))
    state = PoolState.fresh(definition(targets=Targets(listening=1), max=2, listening=HERE), policy)
    state.begin(NOON)
    state.members[NAME] = Member(
        name=NAME,
        tier="listening",
        phase="free",
        since=NOON,
        made_at=NOON,
        spec_hash=spec_hash(state),
        machine=Machine(machine_id="i-1"),
    )
    state.surveyed_at = state.shown_at = NOON
    state.survey_at = NOON.replace(hour=20)
    [asked] = turn(state, NOON).plan.calls.registrations
    assert asked.scope == HERE.scope
    assert asked.max_runtime > state.max_runtime == timedelta(hours=20)
    member = state.members[NAME]
    member.call = ""
    member.enter("listening", NOON)
    member.runner_id = 17
    return state


def changed(state: PoolState, listening: Listening | None) -> PoolState:
    targets = Targets(listening=int(listening is not None))
    state.definition = definition(targets=targets, max=2, listening=listening)
    return state


@pytest.mark.parametrize("listening", [HERE, OTHER_PLACE, OTHER_LABEL, None])
def test_a_member_goes_by_the_guarded_order_of_where_it_was_registered(
    listening: Listening | None,
) -> None:
    state = changed(registered(), listening)
    asked = orders.release(state, state.members[NAME])
    assert asked.registered
    assert (asked.scope, asked.runner_id) == (HERE.scope, 17)


@pytest.mark.parametrize("listening", [OTHER_PLACE, OTHER_LABEL, None])
def test_a_member_that_listens_elsewhere_is_out_of_date(listening: Listening | None) -> None:
    state = registered()
    assert not stale(state, state.members[NAME], NOON)
    changed(state, listening)
    assert elsewhere(state, state.members[NAME])
    assert stale(state, state.members[NAME], NOON)


@pytest.mark.parametrize(("listening", "kind"), [(HERE, "patient"), (OTHER_PLACE, "none")])
def test_no_job_waits_for_a_member_that_listens_elsewhere(listening: Listening, kind: str) -> None:
    state = changed(registered(), listening)
    state.waiting = [claim(1, label=LABEL)]
    [answer] = turn(state, NOON).answers
    assert answer.kind == kind
