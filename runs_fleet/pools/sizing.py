"""How many free members a pool wants now: schedule, demand and the operator's word, in one; pure.

A pool that is sized by demand is to have a machine for each of as many jobs as there were at once,
by the percentile that was asked for; those that have a job need no free one.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil

from runs_fleet.models import Wire
from runs_fleet.pools import schedule
from runs_fleet.pools.definition import Demand, PoolDefinition, Targets, Tier

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A minute since the epoch, the most jobs at once in it, and how many it ended with.
Entry = tuple[int, int, int]


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
        raise NotImplementedError


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
    raise NotImplementedError


def next_look(definition: PoolDefinition, record: Record, now: datetime) -> datetime | None:
    """Return when `wanted` may say something else though nobody asks for anything, or None."""
    raise NotImplementedError
