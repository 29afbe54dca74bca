"""What the cloud has of a pool, compared with what its manager knows; pure.

A manager that was terminated leaves machines behind that its successor does not know. They count
against `max` from the start. One without a runner's mark is adopted only when it was seen so in
two surveys a minute apart: by then whoever was given it has marked it. Where members listen, one
that runs may have a job without a mark, so its agent has to say that it stands by.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.answers import Failure
from runs_fleet.pools.definition import Tier
from runs_fleet.pools.state import Member, Phase, PoolState, Stranger
from runs_fleet.pools.wire import MemberStatus, PoolFacts

AGAIN = timedelta(seconds=15)
# What a list shows lags behind.
LAG = timedelta(minutes=5)
MOST_MISSED = 2
MISSING = "its machine is gone"
UNUSED = "given to a job that did not use it"
ADOPTED: dict[str, tuple[Tier, Phase]] = {
    "pending": ("hot", "booting"),
    "running": ("hot", "free"),
    "stopping": ("stopped", "stopping"),
    "stopped": ("stopped", "stopped"),
}


def surveyed(state: PoolState, answer: PoolFacts | Failure, now: datetime) -> None:
    """Take in what the cloud has; no answer changes nothing."""
    state.surveying = False
    if isinstance(answer, Failure):
        state.trouble = f"the cloud was not surveyed: {answer.words}"
        state.survey_at = now + AGAIN
        return
    gone = set(state.departed)
    told = [each for each in answer.members if each.member not in gone]
    seen = {each.member: each for each in told if each.state != "gone"}
    ended = {each.machine.machine_id for each in told if each.state == "gone"}
    # It shows what was so when it began, and that may have been a while ago.
    state.site, state.shown_at = answer.site, state.survey_begun_at
    _meet(state, seen, now)
    for member in list(state.members.values()):
        status = seen.get(member.name)
        if status is not None:
            member.missed = 0
            _agree(member, status, now)
        elif member.machine is not None and member.machine.machine_id in ended:
            _lose(state, member, now)
        else:
            _miss(state, member, now)
    state.surveyed_at = now
    state.survey_at = now + state.survey_every


def due(state: PoolState, now: datetime) -> datetime:
    """Return when the cloud is to be looked at: soon where something changes there unseen."""
    if state.survey_at is None or state.surveyed_at is None:
        return state.survey_at or now
    if state.survey_begun_at and state.survey_begun_at > state.surveyed_at:
        # The last one failed: to look again at once would only add to what it failed of.
        return state.survey_at
    soon = [state.survey_at]
    if not state.settled:
        soon.append(state.settles_at)
    if state.strangers:
        waits = [each for each in state.strangers.values() if not each.status.runner]
        soon.append(state.surveyed_at + (state.adopted_after if waits else state.survey_every))
    if any(each.phase == "stopping" and not each.call for each in state.members.values()):
        soon.append(state.surveyed_at + state.look_again)
    return min([*soon, *_overdue(state, state.surveyed_at)])


def _overdue(state: PoolState, surveyed_at: datetime) -> Iterator[datetime]:
    """Name when to look whether a machine that does not come up is there at all."""
    if state.boot_patience is None:
        return
    for each in state.members.values():
        if each.phase == "booting" and not each.call:
            yield max(each.since + state.boot_patience, surveyed_at + state.look_again)


def watched(state: PoolState) -> tuple[str, ...]:
    """Name the members of which it is of interest that their machines have ended."""
    kept = (each for each in state.members.values() if each.kept and each.machine)
    return tuple(each.name for each in kept) if state.boot_patience is not None else ()


def _meet(state: PoolState, seen: dict[str, MemberStatus], now: datetime) -> None:
    """Note machines that nobody knows, and adopt those that are nobody's."""
    strangers = dict[str, Stranger]()
    for name, status in seen.items():
        if name in state.members:
            continue
        before = state.strangers.get(name)
        known = Stranger(
            status=status,
            seen_at=before.seen_at if before else now,
            heard=bool(before and before.heard),
        )
        if name in state.returned:
            state.returned.remove(name)
            state.members[name] = adopted(status, now)
            state.members[name].dismiss(UNUSED, now)
        elif _free(state, known, now):
            state.members[name] = adopted(status, now)
        else:
            strangers[name] = known
    state.strangers = strangers


def _free(state: PoolState, known: Stranger, now: datetime) -> bool:
    status = known.status
    shown_at = state.shown_at or now
    if status.runner or shown_at - known.seen_at < state.adopted_after:
        return False
    proven = state.definition.listening is None or status.state != "running"
    return proven or known.heard


def adopted(status: MemberStatus, now: datetime) -> Member:
    """Know a machine as a member from now on."""
    tier, phase = ADOPTED[status.state]
    return Member(
        name=status.member,
        tier=tier,
        phase=phase,
        since=now,
        made_at=status.launched_at or now,
        spec_hash=status.spec_hash,
        machine=status.machine,
        wake=status.wake,
    )


def _miss(state: PoolState, member: Member, now: datetime) -> None:
    """Take in that a machine was not seen; one that is young may just not be shown yet."""
    if member.machine is None or member.call or now - member.made_at < LAG:
        return
    if now - member.since < LAG:
        return
    member.missed += 1
    if member.missed >= MOST_MISSED:
        _lose(state, member, now)


def _lose(state: PoolState, member: Member, now: datetime) -> None:
    """Take in that a machine is no more."""
    if member.call:
        return
    if member.phase == "claimed" and not member.booked:
        state.depart(member.name)
    elif member.phase != "leaving":
        member.spent = True
        member.dismiss(MISSING, now)


def _untaken(member: Member, status: MemberStatus, now: datetime) -> bool:
    """Whether it was given to a job that would have marked it long ago, and was ended instead."""
    idle = member.phase == "claimed" and not member.booked and not member.call
    return idle and not status.runner and now - member.since >= LAG


def _agree(member: Member, status: MemberStatus, now: datetime) -> None:
    """Believe the cloud where it knows better."""
    if _untaken(member, status, now):
        member.dismiss("its job did not take it", now)
    if member.call or member.phase in ("claimed", "leaving", "ordering"):
        return
    owner = names.owner(status.runner)
    if owner is not None:
        member.enter("claimed", now)
        member.job_id, member.attempt = owner
        member.repo = status.repo
    elif member.phase == "stopping" and status.state == "stopped":
        member.enter("stopped", now)
    elif member.phase not in ("stopping", "stopped") and status.state in ("stopping", "stopped"):
        member.dismiss(f"its machine is {status.state}", now)
