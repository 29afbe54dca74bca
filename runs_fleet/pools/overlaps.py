"""Windows and overrides of a schedule that get in each other's way; pure.

The first that holds counts, so an exception stands before the rule of which it takes a part. Two
of which neither is within the other have no such meaning.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from runs_fleet.pools.definition import Override, Targets, Window
from runs_fleet.pools.schedule import DAYS

MINUTES_A_DAY = 24 * 60
MINUTES_A_WEEK = 7 * MINUTES_A_DAY
WEEK = (1 << MINUTES_A_WEEK) - 1

Wrong = tuple[int, str]


class _Reach(NamedTuple):
    """What an entry covers, a bit for each minute of the week or each date, and with what."""

    covers: int
    targets: Targets


def windows(entries: Sequence[Window]) -> Iterator[Wrong]:
    """Say by its number which window gets in the way, or in which nothing can happen."""
    yield from _wrong([_Reach(_week(each), each.targets) for each in entries], "window", _moment)


def overrides(entries: Sequence[Override]) -> Iterator[Wrong]:
    """Say by its number which override gets in the way, or has no dates."""
    for number, each in enumerate(entries):
        if each.last < each.first:
            yield number, f"its last date {each.last} is before its first {each.first}; swap them"
    if not entries:
        return
    begin = min(each.first for each in entries).toordinal()
    yield from _wrong(
        [_Reach(_dates(each, begin), each.targets) for each in entries],
        "override",
        lambda day: f"{date.fromordinal(begin + day)}",
    )


def _dates(override: Override, begin: int) -> int:
    first, last = override.first.toordinal(), override.last.toordinal()
    return _run(first - begin, max(last - first + 1, 0))


def _wrong(reaches: Sequence[_Reach], what: str, tell: Callable[[int], str]) -> Iterator[Wrong]:
    taken = 0
    for number, reach in enumerate(reaches):
        if reach.covers and not reach.covers & ~taken:
            yield (
                number,
                f"every {what} before it comes first, so it never holds; move or remove it",
            )
            continue
        for other, before in enumerate(reaches[:number]):
            both = before.covers & reach.covers
            if both and before.targets != reach.targets and before.covers & ~reach.covers:
                yield number, _ambiguous(other, tell(_lowest(both)), what)
        taken |= reach.covers


def _ambiguous(other: int, moment: str, what: str) -> str:
    return (
        f"it overlaps {what} [{other}] from {moment} on, with other targets, and neither is within"
        f" the other; let one end where the other begins"
    )


def _week(window: Window) -> int:
    start, end = _minute(window.start.hour, window.start.minute), window.end
    length = (_minute(end.hour, end.minute) - start) % MINUTES_A_DAY or MINUTES_A_DAY
    covers = 0
    for day in window.days:
        run = _run(DAYS.index(day) * MINUTES_A_DAY + start, length)
        # What goes on after Sunday is on Monday.
        covers |= (run & WEEK) | (run >> MINUTES_A_WEEK)
    return covers


def _run(start: int, length: int) -> int:
    return ((1 << length) - 1) << start


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def _minute(hour: int, minute: int) -> int:
    return hour * 60 + minute


def _moment(minute: int) -> str:
    day = DAYS[minute // MINUTES_A_DAY]
    hour, rest = divmod(minute % MINUTES_A_DAY, 60)
    return f"{day} {hour:02}:{rest:02}"
