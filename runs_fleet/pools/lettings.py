"""Which members a pool lets go, or moves from one tier to another, and when to look again; pure.

Targets count free members and those on their way to be. A free one above the targets goes when
the tier has had too many for the pool's idle timeout without a break, so that claims that come and
go let no machine go that the next one needs. One that is out of date goes when another is there
in its place, one after the other; where the pool is full, it makes room for it. One of another
spec serves nobody, and goes at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from runs_fleet.pools import membership, sizing, surveys
from runs_fleet.pools.definition import Targets, Tier
from runs_fleet.pools.state import TIERS, Member, PoolState, targets_of
from runs_fleet.pools.stock import LONGEST_STAY, stale, unfit

REGISTER_LIMIT = timedelta(minutes=2)
STOP_LIMIT = timedelta(minutes=15)
MINT_WINDOW = timedelta(minutes=1)
LIMITS = {"registering": REGISTER_LIMIT, "stopping": STOP_LIMIT}
SILENT = {
    "booting": "its agent has not come up",
    "registering": "its runner has not come up",
    "stopping": "it does not stop",
}
RECYCLED, SURPLUS = "out of date", "more than wanted"
OTHER_SPEC = "made for another spec"
NEVER = timedelta.max


@dataclass(frozen=True)
class Dismissal:
    """Let a member go; `failed` means that it never became what it was made for."""

    member: str
    tier: Tier
    cause: str
    failed: bool = False


@dataclass(frozen=True)
class Move:
    """Have a hot member that is too many be of another tier that has too few."""

    member: str
    to: Tier


@dataclass(frozen=True)
class Standing:
    """One tier: what is wanted, and what is there."""

    tier: Tier
    want: int
    have: list[Member]
    stale: list[Member]

    @property
    def ready(self) -> list[Member]:
        """Those that can be given out."""
        return [each for each in self.have if each.ready and not each.call]

    @property
    def coming(self) -> int:
        """How many are on their way."""
        return sum(not each.ready for each in self.have)

    @property
    def surplus(self) -> int:
        """How many are too many; who is on the way may still not arrive."""
        return max(len(self.ready) - self.want, 0)


def standing(state: PoolState, tier: Tier, targets: Targets, now: datetime) -> Standing:
    """Count one tier."""
    have = state.of(tier)
    old = [each for each in have if each.ready and not each.call and stale(state, each, now)]
    return Standing(tier, targets_of(targets, tier), have, old)


def room(state: PoolState) -> int:
    """How many machines there may be beside those that there are."""
    return max(state.definition.max - state.counted, 0)


def resting(state: PoolState, now: datetime) -> bool:
    """Whether nothing is launched for now."""
    waits = state.rest_until is not None and now < state.rest_until
    return waits or bool(state.held or state.ending) or not state.settled


def limit(state: PoolState, member: Member) -> timedelta:
    """How long a member may be in its phase."""
    return state.boot_limit if member.phase == "booting" else LIMITS.get(member.phase, NEVER)


def replacing(state: PoolState, each: Standing, now: datetime) -> bool:
    """Whether a tier that is full is due for one more, to take the place of one out of date."""
    if not each.stale or resting(state, now) or _recycles(state):
        return False
    return len(each.have) <= each.want


def dismissals(state: PoolState, targets: Targets, now: datetime) -> tuple[Dismissal, ...]:
    """List the members that go."""
    quiet = [each for each in state.members.values() if each.kept and not each.call]
    if state.ending or state.held == "drain":
        cause = f"the pool ends: {state.ending}" if state.ending else "the pool is drained"
        gone = [each for each in quiet if each.phase != "ordering"]
        return tuple(Dismissal(each.name, each.tier, cause) for each in gone)
    if others := [each for each in quiet if each.machine and unfit(state, each)]:
        return tuple(Dismissal(each.name, each.tier, OTHER_SPEC) for each in others)
    late = [each for each in quiet if now - each.since >= limit(state, each)]
    if late or state.held:
        return tuple(
            Dismissal(each.name, each.tier, SILENT[each.phase], failed=True) for each in late
        )
    return tuple(
        gone for tier in TIERS for gone in _let_go(state, standing(state, tier, targets, now), now)
    )


def _let_go(state: PoolState, each: Standing, now: datetime) -> Iterator[Dismissal]:
    if each.surplus and each.stale:
        yield Dismissal(each.stale[0].name, each.tier, RECYCLED)
    elif each.surplus:
        since = state.surplus_since.get(each.tier, now)
        if now - since >= state.definition.idle_timeout:
            for member in each.ready[: each.surplus]:
                yield Dismissal(member.name, each.tier, SURPLUS)
    elif replacing(state, each, now) and not room(state) and not each.coming:
        yield Dismissal(each.stale[0].name, each.tier, RECYCLED)


def _recycles(state: PoolState) -> bool:
    return any(each.cause == RECYCLED for each in state.members.values())


def moves(state: PoolState, targets: Targets, now: datetime) -> tuple[Move, ...]:
    """Have hot members listen that are too many, where too few do."""
    if state.held or state.ending:
        return ()
    hot = standing(state, "hot", targets, now)
    listening = standing(state, "listening", targets, now)
    short = min(listening.want - len(listening.have), hot.surplus)
    fresh = [each for each in hot.ready if each not in hot.stale]
    return tuple(Move(each.name, "listening") for each in fresh[: max(short, 0)])


def mark_surplus(state: PoolState, targets: Targets, now: datetime) -> None:
    """Remember since when a tier has had too many without a break."""
    for tier in TIERS:
        if standing(state, tier, targets, now).surplus:
            state.surplus_since.setdefault(tier, now)
        else:
            state.surplus_since.pop(tier, None)


def wake_at(state: PoolState, targets: Targets, now: datetime) -> datetime:
    """Return when to look again though nobody says anything."""
    found = [*_of_members(state), *_of_pool(state, now)]
    if not state.surveying:
        found.append(surveys.due(state, now))
    # What is due already waits for something that is under way, and that wakes the manager.
    return min((each for each in found if each > now), default=now + state.survey_every)


def _of_members(state: PoolState) -> Iterator[datetime]:
    for each in state.members.values():
        if (most := limit(state, each)) != NEVER:
            yield each.since + most
        elif each.phase in ("free", "listening"):
            yield each.made_at + LONGEST_STAY
        if each.look_at is not None:
            yield each.look_at


def _of_pool(state: PoolState, now: datetime) -> Iterator[datetime]:
    definition = state.definition
    if state.rest_until is not None:
        yield state.rest_until
    for since in state.surplus_since.values():
        yield since + definition.idle_timeout
    if state.mints:
        yield state.mints[0] + MINT_WINDOW
    if definition.ephemeral:
        yield idle_end(state, now)
    if look := sizing.next_look(definition, state.record, now):
        yield look


def idle_end(state: PoolState, now: datetime) -> datetime:
    """Return when an ephemeral pool ends if nobody claims."""
    return (state.last_claim_at or state.begun_at or now) + state.definition.idle_life


def reasons(state: PoolState, targets: Targets, now: datetime) -> tuple[str, ...]:
    """Say what keeps the pool from being as wanted, for people."""
    said = [_lack(state, standing(state, tier, targets, now)) for tier in TIERS]
    if not state.settled:
        said.append("nothing is launched before the cloud was looked at")
    if state.rest_until is not None and now < state.rest_until:
        said.append(f"nothing is launched before {state.rest_until:%H:%M:%S} UTC: {state.trouble}")
    if state.strangers:
        said.append(f"{len(state.strangers)} machines in the cloud are not known, and count")
    return tuple(filter(None, said))


def _lack(state: PoolState, each: Standing) -> str:
    lack = each.want - len(each.have)
    if lack <= 0 or room(state):
        return f"{each.tier}: {len(each.stale)} are out of date" if each.stale else ""
    jobs = len(state.claimed)
    return f"{each.tier}: {lack} too few, at its max of {state.definition.max} ({jobs} have jobs)"


def dismissed(state: PoolState, dismissal: Dismissal, now: datetime) -> None:
    """Take in that a member goes."""
    member = state.members[dismissal.member]
    if dismissal.failed and member.phase != "stopping":
        membership.failed(state, f"{member.name}: {dismissal.cause}", now)
    member.dismiss(dismissal.cause, now)
