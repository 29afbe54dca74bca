"""What a pool has done outside: its orders, a few at a time; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.pools.definition import Targets, Tier
from runs_fleet.pools.lettings import MINT_WINDOW, replacing, resting, room, standing
from runs_fleet.pools.state import TIERS, Member, PoolState, series
from runs_fleet.pools.stock import IDLE_LIMIT, spec_hash
from runs_fleet.pools.surveys import due, watched
from runs_fleet.pools.wire import (
    MemberOrder,
    MemberRegistration,
    MemberRelease,
    MemberStop,
    PlaceholderOrder,
    PoolSurvey,
)

# So that a pool leaves most of its worker's threads, and of EC2's bucket, to jobs.
MOST_CALLS = 20
MOST_ORDERING = 10
MOST_MINTS = 30
MOST_NUMBER = 999_999
# The lifecycle of a job has a limit of its own, and the better view.
LATER = timedelta(minutes=1)


@dataclass(frozen=True)
class Launch:
    """One order, and what becomes of its machine; `number` is the member's in its series."""

    order: MemberOrder
    tier: Tier
    series: str
    number: int


@dataclass(frozen=True)
class Calls:
    """What is to be begun outside; each takes a while, and none waits for another."""

    launches: tuple[Launch, ...] = ()
    again: tuple[MemberOrder, ...] = ()
    stops: tuple[MemberStop, ...] = ()
    registrations: tuple[MemberRegistration, ...] = ()
    releases: tuple[MemberRelease, ...] = ()
    survey: PoolSurvey | None = None
    keep: PlaceholderOrder | None = None

    def __bool__(self) -> bool:
        return self != Calls()


def calls(state: PoolState, targets: Targets, now: datetime) -> Calls:
    """List what is due, as far as there are slots for it."""
    slots = MOST_CALLS - sum(bool(each.call) for each in state.members.values())
    again = [_order(state, each) for each in _idle(state, "ordering")][: max(slots, 0)]
    slots -= len(again)
    releases = [release(state, each) for each in _idle(state, "leaving") if _due(each, now)]
    releases = releases[: max(slots, 0)]
    slots -= len(releases)
    stops = [_stop(each) for each in _idle(state, "free") if each.tier == "stopped"]
    stops = stops[: max(slots, 0)]
    slots -= len(stops)
    registrations = _registrations(state, now)[: max(slots, 0)]
    slots -= len(registrations)
    surveys = not state.surveying and due(state, now) <= now
    return Calls(
        launches=tuple(_launches(state, targets, now)[: max(slots, 0)]),
        again=tuple(again),
        stops=tuple(stops),
        registrations=tuple(registrations),
        releases=tuple(releases),
        survey=_survey(state) if surveys else None,
    )


def release(state: PoolState, member: Member) -> MemberRelease:
    """Ask for a member's removal with all that is known of it."""
    listening = state.definition.listening
    # Where it was registered, wherever the pool registers now.
    scope = member.scope or (listening.scope if listening else None)
    guarded = member.registered and scope is not None
    return MemberRelease(
        member=member.name,
        machine_id=member.machine.machine_id if member.machine else None,
        scope=scope if guarded else None,
        runner=member.runner if guarded else "",
        runner_id=member.runner_id,
        registered=guarded,
        spent=member.spent,
    )


def _idle(state: PoolState, phase: str) -> list[Member]:
    return [each for each in state.members.values() if each.phase == phase and not each.call]


def _due(member: Member, now: datetime) -> bool:
    return member.look_at is None or member.look_at <= now


def _launches(state: PoolState, targets: Targets, now: datetime) -> list[Launch]:
    if resting(state, now):
        return []
    ordering = sum(each.phase == "ordering" for each in state.members.values())
    # After a failure one goes first, to see.
    most = 1 if state.failures else MOST_ORDERING
    slots = min(room(state), most - ordering)
    wanted = list[Tier]()
    for tier in TIERS:
        each = standing(state, tier, targets, now)
        lack = each.want - len(each.have)
        wanted += [tier] * (lack or int(replacing(state, each, now)))
    return [
        _launch(state, tier, place, now=now) for place, tier in enumerate(wanted[: max(slots, 0)])
    ]


def _launch(state: PoolState, tier: Tier, place: int, *, now: datetime) -> Launch:
    row, number = state.series, state.number + 1 + place
    if number > MOST_NUMBER:
        row, number = series(now), place + 1
    name = names.member(state.definition.name, row, number)
    wide = state.failures % 2 == 1 and not state.definition.spec.families
    made = Member(
        name=name, tier=tier, since=now, made_at=now, spec_hash=spec_hash(state), wide=wide
    )
    return Launch(_order(state, made), tier, row, number)


def _order(state: PoolState, member: Member) -> MemberOrder:
    return MemberOrder(
        pool=state.definition.name,
        member=member.name,
        token=names.token(member.name, 1),
        spec=state.definition.spec.model_copy(update={"spot": False}),
        spec_hash=member.spec_hash,
        wide=member.wide,
        idle_limit=IDLE_LIMIT,
    )


def _stop(member: Member) -> MemberStop:
    assert member.machine is not None, "a free member has a machine"
    return MemberStop(member=member.name, machine_id=member.machine.machine_id)


def _registrations(state: PoolState, now: datetime) -> list[MemberRegistration]:
    listening = state.definition.listening
    if listening is None or state.held or state.ending:
        return []
    lately = [each for each in state.mints if now - each < MINT_WINDOW]
    free = [each for each in _idle(state, "free") if each.tier == "listening"]
    return [
        MemberRegistration(
            member=each.name,
            runner=names.member_runner(each.name, each.mint + 1),
            machine_id=each.machine.machine_id,
            wake=each.wake,
            scope=listening.scope,
            label=listening.label,
            idle_limit=IDLE_LIMIT,
            max_runtime=state.max_runtime + LATER,
        )
        for each in free[: max(MOST_MINTS - len(lately), 0)]
        if each.machine is not None
    ]


def _survey(state: PoolState) -> PoolSurvey:
    listens = state.definition.listening is not None
    unmarked = [each.status for each in state.strangers.values() if not each.status.runner]
    poke = [status.wake for status in unmarked if listens]
    return PoolSurvey(
        pool=state.definition.name,
        spec=state.definition.spec,
        poke=tuple(address for address in poke if address),
        watched=watched(state),
    )
