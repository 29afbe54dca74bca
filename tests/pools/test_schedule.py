"""Schedules: which targets hold when, by clocks that jump."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_fleet.pools.definition import Day, Override, PoolDefinition, Targets, Window
from runs_fleet.pools.schedule import next_change, targets_at, told
from tests.pools.definitions import DAYS, at, scheduled, window

MINUTE = timedelta(minutes=1)
WEEKDAYS = DAYS[:5]
# Clocks that jump at night, at midnight, by half an hour, by a whole day, and never.
JUMPS = (
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-11-01"),
    ("Africa/Cairo", "2026-04-24"),
    ("Africa/Cairo", "2026-10-29"),
    ("America/Havana", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "2026-06-01"),
)


def hot(definition: PoolDefinition, now: str) -> int:
    return targets_at(definition, at(now))[0].hot


def told_changes(definition: PoolDefinition, now: str, many: int) -> Iterator[str]:
    moment: datetime | None = at(now)
    for _ in range(many):
        assert moment is not None
        moment = next_change(definition, moment)
        yield f"{moment:%d %H:%M}" if moment else "never"


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-11-27 06:59", 1),
        ("2026-11-27 07:00", 5),
        ("2026-11-27 16:59", 5),
        ("2026-11-27 17:00", 1),
        ("2026-11-28 12:00", 1),
    ],
)
def test_a_window_holds_by_the_clock_of_its_zone(now: str, wanted: int) -> None:
    pool = scheduled(window("08:00", "18:00", days=WEEKDAYS), zone="Europe/Berlin")
    assert hot(pool, now) == wanted


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        ("2026-11-27 21:59", 1),
        ("2026-11-27 22:00", 5),
        ("2026-11-28 05:59", 5),
        ("2026-11-28 06:00", 1),
        ("2026-11-28 22:00", 1),
    ],
)
def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins(
    now: str, wanted: int
) -> None:
    assert hot(scheduled(window("22:00", "06:00", days=("fri",))), now) == wanted


@pytest.mark.parametrize(("now", "wanted"), [("2026-11-27 11:59", 1), ("2026-11-28 11:59", 5)])
def test_a_window_that_ends_where_it_begins_is_a_whole_day(now: str, wanted: int) -> None:
    assert hot(scheduled(window("12:00", "12:00", days=("fri",))), now) == wanted


def test_the_first_window_that_holds_counts() -> None:
    pool = scheduled(window("12:00", "13:00", hot=9), window("08:00", "18:00", hot=5))
    assert [hot(pool, f"2026-11-27 {hour}:30") for hour in (11, 12, 13)] == [5, 9, 5]


def test_an_override_comes_before_every_window() -> None:
    quiet = Override(first=date(2026, 12, 24), last=date(2026, 12, 26), targets=Targets())
    pool = scheduled(window("00:00", "00:00"), overrides=(quiet,), zone="Europe/Berlin")
    days = ("2026-12-23 22:59", "2026-12-23 23:00", "2026-12-26 22:59", "2026-12-26 23:00")
    assert [hot(pool, day) for day in days] == [5, 0, 0, 5]


@pytest.mark.parametrize(
    ("night", "changes"),
    [
        # 02:30 is jumped over: the window begins with the jump.
        ("2026-03-28 12:00", ["29 01:00", "29 02:00"]),
        # 02:30 comes twice, and the window begins with the first: it is an hour longer.
        ("2026-10-24 12:00", ["25 00:30", "25 03:00"]),
    ],
)
def test_clocks_that_jump_move_a_window(night: str, changes: list[str]) -> None:
    pool = scheduled(window("02:30", "04:00"), zone="Europe/Berlin")
    assert list(told_changes(pool, night, 2)) == changes


def test_a_window_that_clocks_jump_over_does_not_come() -> None:
    pool = scheduled(window("02:10", "02:50"), zone="Europe/Berlin")
    assert list(told_changes(pool, "2026-03-28 12:00", 1)) == ["30 00:10"]


def test_a_pool_without_a_schedule_never_changes() -> None:
    assert next_change(scheduled(), at("2026-11-27 12:00")) is None


def test_a_change_far_ahead_is_found() -> None:
    far = Override(first=date(2027, 5, 1), last=date(2027, 5, 1), targets=Targets(hot=2))
    pool = scheduled(overrides=(far,))
    assert next_change(pool, at("2026-11-27 12:00")) == at("2027-05-01 00:00")


def test_a_boundary_that_changes_nothing_is_passed_over() -> None:
    pool = scheduled(window("08:00", "12:00"), window("12:00", "18:00"))
    assert list(told_changes(pool, "2026-11-27 09:00", 1)) == ["27 18:00"]


@pytest.mark.parametrize(
    ("days", "words"),
    [(WEEKDAYS, "mon-fri"), (("sun", "sat"), "sat, sun"), (("tue",), "tue"), (DAYS, "mon-sun")],
)
def test_a_window_is_told_as_people_say_it(days: tuple[Day, ...], words: str) -> None:
    assert told(window("08:00", "18:00", days=days)) == f"{words} 08:00 to 18:00"


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2026-11-27 09:00", "the window mon-fri 08:00 to 18:00 (UTC)"),
        ("2026-11-27 19:00", "the pool's own targets"),
        ("2026-12-24 09:00", "the override of 2026-12-24"),
        ("2026-12-28 09:00", "the override of 2026-12-27 to 2026-12-31"),
    ],
)
def test_the_reason_names_what_holds(now: str, reason: str) -> None:
    overrides = (
        Override(first=date(2026, 12, 24), last=date(2026, 12, 24), targets=Targets()),
        Override(first=date(2026, 12, 27), last=date(2026, 12, 31), targets=Targets()),
    )
    pool = scheduled(window("08:00", "18:00", days=WEEKDAYS), overrides=overrides)
    assert targets_at(pool, at(now))[1] == reason


clocks = st.builds(time, hour=st.integers(0, 4), minute=st.integers(0, 59))
days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(tuple)
hots = st.builds(Targets, hot=st.integers(2, 5))
windows = st.builds(Window, days=days, start=clocks, end=clocks, targets=hots)


@st.composite
def schedules(draw: st.DrawFn) -> tuple[PoolDefinition, datetime]:
    """A pool with windows, and perhaps an override, around a night in which clocks jump."""
    zone, day = draw(st.sampled_from(JUMPS))
    jump = date.fromisoformat(day)
    override = st.integers(-1, 1).map(lambda days: jump + timedelta(days=days))
    overrides = st.builds(Override, first=override, last=override, targets=hots)
    pool = scheduled(
        *draw(st.lists(windows, max_size=3)),
        zone=zone,
        overrides=tuple(draw(st.lists(overrides, max_size=1))),
    )
    return pool, datetime.combine(jump, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


class Walker:
    """Reads a schedule off a clock that is looked at every minute and never goes back."""

    def __init__(self, pool: PoolDefinition, start: datetime) -> None:
        self._pool, self._zone = pool, ZoneInfo(pool.schedule.time_zone)
        self._shown = datetime.min
        self.now = start

    def step(self) -> Targets:
        """Read the targets, and go on."""
        self._shown = max(self._shown, self.now.astimezone(self._zone).replace(tzinfo=None))
        self.now += MINUTE
        return self._read()

    def _read(self) -> Targets:
        today, schedule = self._shown.date(), self._pool.schedule
        overriding = [o.targets for o in schedule.overrides if o.first <= today <= o.last]
        holding = [each.targets for each in schedule.windows if self._inside(each)]
        return [*overriding, *holding, self._pool.targets][0]

    def _inside(self, window: Window) -> bool:
        clock, today = self._shown.time(), DAYS[self._shown.weekday()]
        yesterday = DAYS[self._shown.weekday() - 1]
        if window.start < window.end:
            return today in window.days and window.start <= clock < window.end
        late = today in window.days and clock >= window.start
        return late or (yesterday in window.days and clock < window.end)


@settings(max_examples=60)
@given(schedules())
def test_it_is_what_a_clock_shows_that_never_goes_back(
    drawn: tuple[PoolDefinition, datetime],
) -> None:
    pool, midnight = drawn
    walker = Walker(pool, midnight - timedelta(hours=30))
    walked = [(walker.now, walker.step()) for _ in range(60 * 60)]
    settled = [(now, shown) for now, shown in walked if now >= midnight - timedelta(hours=6)]
    assert [now for now, shown in settled if targets_at(pool, now)[0] != shown] == []


@settings(max_examples=60)
@given(schedules())
def test_nothing_changes_before_the_next_change(drawn: tuple[PoolDefinition, datetime]) -> None:
    pool, midnight = drawn
    start = midnight - timedelta(hours=6)
    change = next_change(pool, start)
    until = min(change or midnight, start + timedelta(hours=36))
    minutes = range(max(int((until - start) / MINUTE), 1))
    found = {targets_at(pool, start + number * MINUTE)[0] for number in minutes}
    assert len(found) == 1
