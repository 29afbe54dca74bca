"""What a pool does next: `plan` is pure, and says all that is to be done at one moment.

What is free of cost comes first, claims before all: a plan that answers or changes anything asks
for nothing outside. So whoever carries plans out takes those in and plans again, until one comes
that only has calls to make.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from runs_fleet.pools import claims, lettings, placeholders, sizing
from runs_fleet.pools.claims import Grant
from runs_fleet.pools.definition import Targets, Tier
from runs_fleet.pools.lettings import Dismissal, Move
from runs_fleet.pools.orders import Calls, calls
from runs_fleet.pools.state import Member, PoolState

# A manager that ends in its first task may never answer the update that began it.
MOMENT = timedelta(seconds=1)


@dataclass(frozen=True)
class PoolPlan:
    """`grants`, `moves` and `dismissals` are done by saying so, `calls` take a while.

    `over` means that nothing is left to do, for ever; else look again at `wake_at` at the latest.
    """

    grants: tuple[Grant, ...] = ()
    moves: tuple[Move, ...] = ()
    dismissals: tuple[Dismissal, ...] = ()
    calls: Calls = field(default_factory=Calls)
    targets: Targets = field(default_factory=Targets)
    reasons: tuple[str, ...] = ()
    wake_at: datetime | None = None
    over: bool = False

    @property
    def changes(self) -> bool:
        """Whether it is to be taken in, and planned again."""
        return bool(self.grants or self.moves or self.dismissals)


def plan(state: PoolState, now: datetime, *, calling: bool = True) -> PoolPlan:
    """Say what to do now; without `calling` nothing new is begun outside."""
    if grants := claims.grants(state, now):
        return PoolPlan(grants=grants)
    if state.refused:
        return _refused(state, now)
    targets, reasons = wanted(state, now)
    made = PoolPlan(targets=targets, reasons=reasons)
    if state.definition.mode == "k8s":
        return _placeholders(state, made, now, calling=calling)
    if dismissals := lettings.dismissals(state, targets, now):
        return replace(made, dismissals=dismissals)
    if moves := lettings.moves(state, targets, now):
        return replace(made, moves=moves)
    asked = calls(state, targets, now) if calling else Calls()
    over = bool(state.ending) and all(_a_lifecycles(each) for each in state.members.values())
    wake = None if over else lettings.wake_at(state, targets, now)
    reasons = (*reasons, *lettings.reasons(state, targets, now))
    return replace(made, calls=asked, over=over and not asked, wake_at=wake, reasons=reasons)


def wanted(state: PoolState, now: datetime) -> tuple[Targets, tuple[str, ...]]:
    """Say how many free members to keep of each tier, and why."""
    if state.ending or state.held == "drain":
        return Targets(), (claims.closed(state),)
    resize: dict[Tier, int] | None = state.resized
    targets, reasons = sizing.wanted(state.definition, state.record, now, resize=resize)
    return targets, (*reasons, *filter(None, [claims.closed(state)]))


def _refused(state: PoolState, now: datetime) -> PoolPlan:
    """Do nothing but tell why, and end."""
    assert state.begun_at is not None, "it has begun"
    ends = state.begun_at + MOMENT
    return PoolPlan(reasons=(claims.closed(state),), wake_at=ends, over=now >= ends)


def _placeholders(state: PoolState, made: PoolPlan, now: datetime, *, calling: bool) -> PoolPlan:
    asked = placeholders.order(state, made.targets, now) if calling else None
    over = bool(state.ending) and state.removed
    wake = None if over else placeholders.wake_at(state, now)
    trouble = (state.trouble,) if state.trouble else ()
    return replace(
        made, calls=Calls(keep=asked), over=over, wake_at=wake, reasons=(*made.reasons, *trouble)
    )


def _a_lifecycles(member: Member) -> bool:
    """Whether it is a job's, whose lifecycle takes it away."""
    return member.phase == "claimed" and not member.booked
