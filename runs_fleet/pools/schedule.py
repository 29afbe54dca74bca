"""Which targets a pool's schedule asks for at a moment, by the clock of its time zone; pure.

A boundary is the first moment at which the clock has reached it. So where clocks go forward over
it, it is the moment of the jump, and where they go back, the first of the two: windows that meet
never leave a gap and never begin twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import get_args
from zoneinfo import ZoneInfo

from runs_fleet.pools.definition import Day, Override, PoolDefinition, Schedule, Targets, Window

OWN = "the pool's own targets"
DAYS: tuple[Day, ...] = get_args(Day)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
# Windows come again every week, so whatever they will do they do within one. It is looked at from
# two days before, for windows over midnight and for zones whose date is another.
SURE, BEFORE, AHEAD = 8, 2, 13

Span = tuple[datetime, datetime]
Period = tuple[datetime, datetime, Targets, str]


def targets_at(definition: PoolDefinition, now: datetime) -> tuple[Targets, str]:
    """Return the targets that hold, and why: the first override, else the first window, that does.

    `now` is aware of its time zone, whichever it is.
    """
    for begins, ends, targets, reason in _periods(definition.schedule, now):
        if begins <= now < ends:
            return targets, reason
    return definition.targets, OWN


def next_change(definition: PoolDefinition, now: datetime) -> datetime | None:
    """Return the first moment after `now` at which the targets may be others, or None for never."""
    periods = _periods(definition.schedule, now)
    if not periods:
        return None
    targets, _ = targets_at(definition, now)
    soon = now + SURE * DAY
    for moment in sorted({each for period in periods for each in period[:2] if each > now}):
        if moment > soon or targets_at(definition, moment)[0] != targets:
            return moment
    return None


def told(window: Window) -> str:
    """Write a window as people say it."""
    return f"{_told_days(window)} {window.start:%H:%M} to {window.end:%H:%M}"


def _periods(schedule: Schedule, now: datetime) -> tuple[Period, ...]:
    """List when what holds, the first that counts first; of windows only what is near."""
    if not (schedule.windows or schedule.overrides):
        return ()
    return _periods_near(schedule, now.astimezone(UTC).date())


# Whoever replays weeks asks for the same days again and again.
@lru_cache(maxsize=256)
def _periods_near(schedule: Schedule, today: date) -> tuple[Period, ...]:
    zone = ZoneInfo(schedule.time_zone)
    found = list[Period]()
    for override in schedule.overrides:
        reason = f"the override of {_told_dates(override)}"
        found.append((*_dates(override, zone), override.targets, reason))
    for window in schedule.windows:
        reason = f"the window {told(window)} ({schedule.time_zone})"
        spans = _spans(window, today - BEFORE * DAY, days=AHEAD, zone=zone)
        found += [(*span, window.targets, reason) for span in spans]
    return tuple(found)


def _spans(window: Window, first: date, *, days: int, zone: ZoneInfo) -> Iterator[Span]:
    over_midnight = DAY if window.end <= window.start else timedelta(0)
    for day in (first + number * DAY for number in range(days)):
        if DAYS[day.weekday()] in window.days:
            begin = _reached(datetime.combine(day, window.start), zone)
            yield begin, _reached(datetime.combine(day + over_midnight, window.end), zone)


def _dates(override: Override, zone: ZoneInfo) -> Span:
    first = datetime.combine(override.first, time())
    return _reached(first, zone), _reached(datetime.combine(override.last, time()) + DAY, zone)


def _reached(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first moment at which the clock of a zone shows `wall` or more."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if _clock(moment, zone) == wall:
        return moment
    # The clock jumps over it: `moment` is after the jump, and this one before.
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while moment - before > SECOND:
        middle = before + timedelta(seconds=(moment - before) // SECOND // 2)
        before, moment = (before, middle) if _clock(middle, zone) >= wall else (middle, moment)
    return moment


def _clock(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _told_days(window: Window) -> str:
    numbers = sorted(DAYS.index(day) for day in window.days)
    first, last = numbers[0], numbers[-1]
    if len(numbers) > 2 and last - first == len(numbers) - 1:  # noqa: PLR2004 - two are no row
        return f"{DAYS[first]}-{DAYS[last]}"
    return ", ".join(DAYS[number] for number in numbers)


def _told_dates(override: Override) -> str:
    if override.first == override.last:
        return f"{override.first}"
    return f"{override.first} to {override.last}"
