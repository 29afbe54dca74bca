"""How many free members a pool wants now: schedule, demand and the operator's word, in one; pure.

A pool that is sized by demand is to have a machine for each of as many jobs as there were at once,
by the percentile that was asked for; those that have a job need no free one.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from runs_fleet.models import Wire
from runs_fleet.pools import schedule
from runs_fleet.pools.definition import Demand, PoolDefinition, Targets, Tier

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A minute since the epoch, the most jobs at once in it, and how many it ended with.
Entry = tuple[int, int, int]


class _Outlook(NamedTuple):
    """The size for a minute, and the minute in which it changes if nothing else does."""

    size: int
    changes: int | None


class Record(Wire):
    """How many jobs there were at once, by the minute; a minute without change has no entry."""

    minutes: tuple[Entry, ...] = ()

    @property
    def level(self) -> int:
        """The number of jobs that was told last."""
        return self.minutes[-1][2] if self.minutes else 0

    def add(self, now: datetime, jobs_at_once: int, *, keep: timedelta = DAY) -> "Record":
        """Return the record with a number that holds from now on, without what is older than kept.

        A moment before the last one counts as in its minute.
        """
        if self.minutes and jobs_at_once == self.level:
            return self
        minute, peak = _minute(now), jobs_at_once
        entries = list(self.minutes)
        if entries:
            minute = max(minute, entries[-1][0])
            peak = max(peak, self.level)
        if entries and entries[-1][0] == minute:
            peak = max(peak, entries.pop()[1])
        kept = _since(entries, minute - keep // MINUTE)
        return Record(minutes=(*kept, (minute, peak, jobs_at_once)))


def wanted(
    definition: PoolDefinition,
    record: Record,
    now: datetime,
    *,
    resize: Mapping[Tier, int] | None = None,
) -> tuple[Targets, tuple[str, ...]]:
    """Return how many free members to keep of each tier, and why, a sentence for each reason.

    What the schedule says is the least, demand may raise its tier, and `min` holds whatever they
    say; `resize` comes before them all for the tiers that it names.
    """
    targets, reason = schedule.targets_at(definition, now)
    reasons = [f"{_told(targets)}: {reason}"]
    demand = definition.demand
    tier: Tier = demand.tier if demand else "hot"
    if demand:
        size = _outlook(demand, record, _this(record, now)).size
        targets = _raised(targets, tier, size - record.level)
        reasons.append(_by_demand(demand, size, record.level))
    if getattr(targets, tier) < definition.min:
        targets = _raised(targets, tier, definition.min)
        reasons.append(f"{tier} {definition.min}: the pool's min")
    if resize:
        targets = targets.model_copy(update={str(tier): number for tier, number in resize.items()})
        reasons.append(f"{_told(targets)}: resized by an operator")
    return targets, tuple(reasons)


def next_look(definition: PoolDefinition, record: Record, now: datetime) -> datetime | None:
    """Return when `wanted` may say something else though the number of jobs stays, or None."""
    moments = [schedule.next_change(definition, now)]
    if definition.demand:
        moments.append(_next_size(definition.demand, record, now))
    return min((moment for moment in moments if moment), default=None)


def _next_size(demand: Demand, record: Record, now: datetime) -> datetime | None:
    minute = _outlook(demand, record, _this(record, now)).changes
    return None if minute is None else EPOCH + minute * MINUTE


def _this(record: Record, now: datetime) -> int:
    """Tell the minute that counts as this one, also when the record is ahead of the clock."""
    return max(_minute(now), record.minutes[-1][0] if record.minutes else 0)


# The same is asked several times in each turn of a pool.
@lru_cache(maxsize=64)
def _outlook(demand: Demand, record: Record, this: int) -> _Outlook:
    """Tell the size for this minute, and when it is another if the number of jobs stays.

    Of the time before the record nothing is known, so it does not count.
    """
    sizes = _sizes(demand, record, this)
    size = next(sizes)
    changes = (minute for minute, later in enumerate(sizes, this + 1) if later != size)
    return _Outlook(size, next(changes, None))


def _sizes(demand: Demand, record: Record, this: int) -> Iterator[int]:
    """Tell the size for this minute and those to come, until nothing changes any more."""
    window, linger = _minutes(demand.window), demand.linger // MINUTE
    first, last = this - linger - window + 1, this + linger + window
    if not record.minutes or record.minutes[-1][0] < first:
        # All of it was so in every minute that counts.
        first = last = this
    peaks = _peaks(record, first, last)
    known = last - len(peaks) + 1
    begins = max(this - linger, known)
    ranks = _percentiles(peaks, begins - known, window, demand.percentile)
    for minute, size in enumerate(_highest(ranks, linger + 1), begins):
        if minute >= this:
            yield min(max(size, demand.floor), demand.cap)


def _peaks(record: Record, first: int, last: int) -> list[int]:
    """List the most jobs at once in each minute of a range, from where the record begins on."""
    begins = record.minutes[0][0] if record.minutes else last
    at, level, peaks = max(first, begins), 0, list[int]()
    for minute, most, ended in _since(record.minutes, at):
        if minute >= at:
            peaks += [*[level] * (minute - at), most]
            at = minute + 1
        level = ended
    return [*peaks, *[level] * (last + 1 - at)]


def _percentiles(
    values: Sequence[int], begins: int, window: int, percentile: float
) -> Iterator[int]:
    """Tell the percentile of the last `window` values, after each of them from a place on."""
    oldest = max(begins - window + 1, 0)
    ordered = sorted(values[oldest:begins])
    for value in values[begins:]:
        insort(ordered, value)
        if len(ordered) > window:
            ordered.pop(bisect_left(ordered, values[oldest]))
            oldest += 1
        yield ordered[ceil(percentile * len(ordered)) - 1]


def _highest(values: Iterable[int], span: int) -> Iterator[int]:
    """Tell the highest of the last `span` values, after each of them."""
    falling: deque[tuple[int, int]] = deque()
    for at, value in enumerate(values):
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((at, value))
        if falling[0][0] <= at - span:
            falling.popleft()
        yield falling[0][1]


def _since(entries: Iterable[Entry], minute: int) -> list[Entry]:
    """Leave out what is older, but for the last of it, whose number still held then."""
    kept = list(entries)
    older = bisect_left(kept, (minute, 0, 0))
    return kept[max(older - 1, 0) :]


def _raised(targets: Targets, tier: Tier, least: int) -> Targets:
    return targets.model_copy(update={tier: max(getattr(targets, tier), least)})


def _by_demand(demand: Demand, size: int, level: int) -> str:
    return (
        f"{demand.tier} {max(size - level, 0)}: {size} machines by p{demand.percentile * 100:g} of"
        f" the jobs at once in {_minutes(demand.window)} min, {level} of them for jobs"
    )


def _told(targets: Targets) -> str:
    return ", ".join(f"{tier} {number}" for tier, number in targets if number) or "none"


def _minute(moment: datetime) -> int:
    return (moment - EPOCH) // MINUTE


def _minutes(length: timedelta) -> int:
    return max(-(-length // MINUTE), 1)
