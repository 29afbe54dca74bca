"""Which of a pool's members may be given out, and which are out of date; pure."""

import hashlib
from datetime import datetime, timedelta
from functools import lru_cache

from runs_fleet.models import RunnerSpec
from runs_fleet.pools.state import Member, PoolState

# An agent ends its machine at IDLE_LIMIT, whatever becomes of its pool; before that it is replaced.
LONGEST_STAY = timedelta(hours=12)
IDLE_LIMIT = timedelta(hours=14)
MADE_OF = {"cpu", "ram", "arch", "families", "gen", "disk", "private"}
SITE = "-"


def spec_hash(state: PoolState) -> str:
    """Name what the pool's machines are to be made of: its spec, and what the cloud has for it."""
    return f"{of_spec(state.definition.spec)}{SITE}{state.site}"


def of_spec(spec: RunnerSpec) -> str:
    """Name the part of a spec that a machine is made of."""
    return _named(_This(spec))


class _This:
    """A spec as itself: to compare what is in it takes as long as to write it."""

    def __init__(self, spec: RunnerSpec) -> None:
        self.spec = spec

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _This) and other.spec is self.spec

    def __hash__(self) -> int:
        return id(self.spec)


# A pool asks for each member in each turn, always of the one spec of its definition.
@lru_cache(maxsize=256)
def _named(this: _This) -> str:
    text = this.spec.model_dump_json(include=MADE_OF)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def unfit(state: PoolState, member: Member) -> bool:
    """Whether it is made by another spec, so that it serves nobody."""
    return member.spec_hash.partition(SITE)[0] != of_spec(state.definition.spec)


def elsewhere(state: PoolState, member: Member) -> bool:
    """Whether it is registered where, or by a label that, its pool's jobs do not ask any more."""
    if member.phase not in ("registering", "listening") or member.scope is None:
        return False
    listening = state.definition.listening
    return listening is None or (listening.scope, listening.label) != (member.scope, member.label)


def stale(state: PoolState, member: Member, now: datetime) -> bool:
    """Whether it is to be replaced: made otherwise, by an operator's word, or too long awake."""
    if member.spec_hash != spec_hash(state) or elsewhere(state, member):
        return True
    if state.recycle_at is not None and member.made_at <= state.recycle_at:
        return True
    awake = member.phase in ("free", "registering", "listening")
    return awake and now - member.made_at >= LONGEST_STAY


def givable(state: PoolState, now: datetime) -> list[Member]:
    """List the members that may be given to a job, the best first.

    Hot ones come before stopped ones, and those that need not be replaced before others.
    """
    usable = [
        each
        for each in state.members.values()
        if each.phase in ("free", "stopped") and not each.call and not unfit(state, each)
    ]
    order = {"hot": 0, "stopped": 1, "listening": 2}

    def rank(member: Member) -> tuple[bool, int, bool, datetime]:
        is_stale = stale(state, member, now)
        return member.phase == "stopped", order[member.tier], is_stale, member.since

    return sorted(usable, key=rank)


def free_volumes(state: PoolState) -> list[str]:
    """List the cache volumes that no attempt has, by all that is known."""
    known = state.facts.volumes if state.facts and state.definition.cache else ()
    taken = {*state.leases, *state.doubted, *state.let_go}
    return [volume for volume in known if volume not in taken]
