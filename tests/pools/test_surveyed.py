"""What a pool makes of a look at the cloud: machines that have ended, or stay silent."""

from datetime import datetime, timedelta

import pytest

from runs_fleet.answers import Failure
from runs_fleet.models import Machine
from runs_fleet.pools import surveys
from runs_fleet.pools.definition import Targets
from runs_fleet.pools.state import Member, Phase, PoolState
from runs_fleet.pools.stock import spec_hash
from runs_fleet.pools.turning import turn
from runs_fleet.pools.wire import MemberStatus, PoolFacts
from tests.pools.worlds import NOON, definition

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
NAME = "default-abc123-1"


def keeping(phase: Phase, *, since: datetime = NOON) -> PoolState:
    """A pool that has looked at noon, and has one member."""
    state = PoolState.fresh(definition(targets=Targets(hot=1)))
    state.begin(NOON - timedelta(hours=1))
    state.members[NAME] = Member(
        name=NAME,
        tier="stopped" if phase in ("stopping", "stopped") else "hot",
        phase=phase,
        since=since,
        made_at=since,
        spec_hash=spec_hash(state),
        machine=Machine(machine_id="i-1"),
    )
    state.surveyed_at = state.shown_at = NOON
    state.survey_at = NOON + 2 * MINUTE
    return state


def shown(state: PoolState, now: datetime, *, as_: str | None, machine: str = "i-1") -> None:
    """Have the cloud show the member's machine, or nothing."""
    status = {"member": NAME, "machine": Machine(machine_id=machine), "state": as_}
    found = (MemberStatus.model_validate(status),) if as_ else ()
    state.survey_begun_at = now
    surveys.surveyed(state, PoolFacts(members=found), now)


@pytest.mark.parametrize("phase", ["booting", "free", "stopping", "stopped"])
def test_a_machine_that_the_cloud_shows_as_ended_is_given_up_at_once(phase: Phase) -> None:
    state = keeping(phase)
    shown(state, NOON + SECOND, as_="gone")
    assert state.members[NAME].phase == "leaving"
    assert state.members[NAME].cause == surveys.MISSING


def test_a_machine_that_the_cloud_does_not_show_may_not_be_shown_yet() -> None:
    state = keeping("booting")
    shown(state, NOON + SECOND, as_=None)
    assert state.members[NAME].phase == "booting"


def test_the_end_of_another_machine_of_the_name_says_nothing() -> None:
    state = keeping("free")
    shown(state, NOON + SECOND, as_="gone", machine="i-0")
    assert state.members[NAME].phase == "free"


def test_a_call_that_is_under_way_tells_more_than_a_look() -> None:
    state = keeping("stopping")
    state.members[NAME].call = "stop"
    shown(state, NOON + SECOND, as_="gone")
    assert state.members[NAME].phase == "stopping"


def test_a_machine_that_does_not_come_up_is_looked_for_after_a_minute() -> None:
    state = keeping("booting", since=NOON + SECOND)
    assert surveys.due(state, NOON + MINUTE) == NOON + MINUTE + SECOND
    shown(state, NOON + MINUTE + SECOND, as_="running")
    seen_at = NOON + MINUTE + SECOND
    assert surveys.due(state, seen_at) == seen_at + state.look_again


def test_a_look_tells_of_the_ends_of_members_only() -> None:
    state = keeping("free")
    plan = turn(state, NOON + 2 * MINUTE).plan
    assert plan.calls.survey is not None
    assert plan.calls.survey.watched == (NAME,)


def test_a_manager_that_began_before_goes_on_as_it_began() -> None:
    state = PoolState(definition=definition())
    assert (state.survey_every, state.boot_patience) == (5 * MINUTE, None)
    assert surveys.watched(state) == ()


def test_a_machine_may_boot_for_as_long_as_any_other_of_the_fleet() -> None:
    state = keeping("booting")
    state.boot_limit = 3 * MINUTE
    state.survey_at = NOON + timedelta(hours=1)
    assert turn(state, NOON + 3 * MINUTE - SECOND).plan.calls.releases == ()
    assert turn(state, NOON + 3 * MINUTE).plan.calls.releases != ()


@pytest.mark.parametrize("phase", ["booting", "stopping", "free"])
def test_a_look_that_failed_is_not_repeated_at_once(phase: Phase) -> None:
    state = keeping(phase, since=NOON - 2 * MINUTE)
    begun = NOON + 2 * MINUTE
    assert turn(state, begun).plan.calls.survey is not None
    surveys.surveyed(state, Failure("RateLimited", "throttled"), begun + SECOND)
    assert turn(state, begun + 2 * SECOND).plan.calls.survey is None
    assert surveys.due(state, begun + 2 * SECOND) == begun + SECOND + surveys.AGAIN


def given(*, runner: str = "", booked: bool = False) -> PoolState:
    """A pool whose member was given to a job at noon, and is looked at long after."""
    state = keeping("claimed")
    member = state.members[NAME]
    member.job_id, member.attempt, member.booked = 7, 1, booked
    status = MemberStatus(
        member=NAME, machine=Machine(machine_id="i-1"), state="running", runner=runner
    )
    state.survey_begun_at = NOON + surveys.LAG
    surveys.surveyed(state, PoolFacts(members=(status,)), NOON + surveys.LAG)
    return state


def test_a_member_that_its_job_never_took_is_let_go() -> None:
    assert given().members[NAME].phase == "leaving"


def test_a_member_that_a_job_has_is_left_alone() -> None:
    assert given(runner="runs-fleet-7-1").members[NAME].phase == "claimed"
    assert given(booked=True).members[NAME].phase == "claimed"
