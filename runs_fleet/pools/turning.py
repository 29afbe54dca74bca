"""Carries a plan out as far as that needs nothing outside, until only calls are left; pure."""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet.pools import claims, lettings
from runs_fleet.pools.lettings import Dismissal
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.planning import PoolPlan, plan, wanted
from runs_fleet.pools.state import Member, PoolState
from runs_fleet.pools.wire import PoolAnswer

# Each round but the last changes something, and there is only so much to change.
MOST_ROUNDS = 1000


@dataclass(frozen=True)
class Turn:
    """What one turn comes to: answers to send, calls to begin, and when to look again."""

    plan: PoolPlan
    answers: tuple[PoolAnswer, ...]
    dismissals: tuple[Dismissal, ...] = ()


def turn(state: PoolState, now: datetime, *, calling: bool = True) -> Turn:
    """Do all that there is to do at one moment; the calls of the last plan are under way then."""
    answers, dismissals = [*state.notices], list[Dismissal]()
    state.notices = []
    for _ in range(MOST_ROUNDS):
        settle(state, now)
        made = plan(state, now, calling=calling)
        answers += [grant.answer for grant in made.grants]
        dismissals += made.dismissals
        if not made.changes:
            began(state, made.calls, now)
            return Turn(made, tuple(answers), tuple(dismissals))
        _take_in(state, made, now)
    raise AssertionError(f"pool {state.definition.name} does not come to rest")


def settle(state: PoolState, now: datetime) -> None:
    """Take in what the clock alone brings about."""
    claims.tidy(state, now)
    definition = state.definition
    if definition.ephemeral and not state.jobs and not state.ending:
        if now >= lettings.idle_end(state, now):
            state.ending = f"nobody has claimed for {definition.idle_life}"
    state.mints = [each for each in state.mints if now - each < lettings.MINT_WINDOW]
    if not state.waiting:
        lettings.mark_surplus(state, wanted(state, now)[0], now)


def _take_in(state: PoolState, made: PoolPlan, now: datetime) -> None:
    for grant in made.grants:
        claims.granted(state, grant, now)
    for dismissal in made.dismissals:
        lettings.dismissed(state, dismissal, now)
    for move in made.moves:
        state.members[move.member].tier = move.to


def began(state: PoolState, asked: Calls, now: datetime) -> None:
    """Take in that calls are under way."""
    for launch in asked.launches:
        order = launch.order
        state.series, state.number = launch.series, launch.number
        state.members[order.member] = Member(
            name=order.member,
            tier=launch.tier,
            since=now,
            made_at=now,
            spec_hash=order.spec_hash,
            wide=order.wide,
            call="launch",
            doubtful=True,
        )
    for order in asked.again:
        state.members[order.member].call = "launch"
    for stop in asked.stops:
        state.members[stop.member].enter("stopping", now)
        state.members[stop.member].call = "stop"
    for registration in asked.registrations:
        member = state.members[registration.member]
        member.enter("registering", now)
        member.mint, member.registered, member.runner_id = member.mint + 1, True, None
        member.scope, member.label = registration.scope, registration.label
        member.call = "register"
        state.mints.append(now)
    for release in asked.releases:
        state.members[release.member].call = "release"
    if asked.survey is not None:
        state.surveying, state.survey_begun_at, state.departed = True, now, []
    if asked.keep is not None:
        state.keeping, state.replicas, state.keep_begun_at = True, asked.keep.replicas, now


def resumed(state: PoolState) -> None:
    """Take in that whoever had calls under way is gone, and their answers with it."""
    state.surveying = state.keeping = False
    for member in state.members.values():
        if member.call == "register":
            # Whether it was registered is not known, so it goes by the guarded order.
            member.runner_id = None
        member.call = ""
