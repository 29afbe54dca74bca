"""Sizing: how many free members a pool wants, by schedule, demand, minimum and an operator."""

from datetime import datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.pools.definition import Demand, PoolDefinition, Targets
from runs_fleet.pools.sizing import DAY, Record, next_look, wanted
from tests.pools.definitions import at, pool, scheduled, window

NOON = at("2026-11-27 12:00")
MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
# By minutes after noon.
Steps = tuple[tuple[int, int], ...]


def recorded(*steps: tuple[int, int]) -> Record:
    record = Record()
    for minute, jobs in steps:
        record = record.add(NOON + minute * MINUTE, jobs)
    return record


def sized(**fields: object) -> PoolDefinition:
    return pool(demand=Demand.model_validate({"cap": 20, **fields}))


def hot(definition: PoolDefinition, record: Record, minute: float) -> int:
    return wanted(definition, record, NOON + minute * MINUTE)[0].hot


def test_without_demand_a_pool_wants_what_its_schedule_says() -> None:
    targets, reasons = wanted(scheduled(window("08:00", "18:00")), Record(), NOON)
    assert targets == Targets(hot=5)
    assert reasons == ("hot 5: the window mon-sun 08:00 to 18:00 (UTC)",)


def test_the_percentile_leaves_rare_heights_out() -> None:
    often, rarely = recorded((0, 4), (50, 9), (57, 4)), recorded((0, 4), (50, 9), (52, 4))
    size = [hot(sized(linger=timedelta(0)), record, 59) + 4 for record in (often, rarely)]
    assert size == [9, 4]


@pytest.mark.parametrize(("percentile", "size"), [(0.5, 2), (0.9, 2), (0.95, 9), (1, 9)])
def test_a_percentile_is_of_the_minutes(percentile: float, size: int) -> None:
    # Nine in four minutes of sixty: the one in which they began and ended with others.
    record = recorded((0, 2), (20, 9), (23, 2))
    found = hot(sized(percentile=percentile, linger=timedelta(0)), record, 59) + 2
    assert found == size


def test_a_job_that_runs_needs_no_free_member() -> None:
    record = recorded((0, 10), (30, 3))
    assert [hot(sized(), record, 31), hot(sized(), record.add(NOON + 32 * MINUTE, 8), 32)] == [7, 2]


def test_more_jobs_than_machines_need_none_free() -> None:
    assert hot(sized(cap=5), recorded((0, 9)), 30) == 0


@pytest.mark.parametrize(("jobs", "free"), [(0, 2), (4, 4), (9, 6)])
def test_the_size_stays_between_floor_and_cap(jobs: int, free: int) -> None:
    record = recorded((0, jobs), (59, 0))
    assert hot(sized(floor=2, cap=6), record, 60) == free


def test_the_size_falls_after_it_has_lingered() -> None:
    definition, record = sized(window=10 * MINUTE, linger=5 * MINUTE), recorded((0, 8), (20, 0))
    assert [hot(definition, record, minute) for minute in (20, 33, 34)] == [8, 8, 0]


def test_what_was_before_the_record_does_not_count() -> None:
    assert hot(sized(), recorded((0, 3), (1, 0)), 1) == 3


def test_a_pool_of_which_nothing_is_known_has_its_floor() -> None:
    assert hot(sized(floor=2), Record(), 0) == 2


def test_demand_raises_the_schedule_and_never_lowers_it() -> None:
    definition = pool(targets=Targets(hot=3, stopped=1), demand=Demand(cap=9))
    found = [wanted(definition, recorded((0, n), (1, 0)), NOON + MINUTE)[0] for n in (2, 7)]
    assert found == [Targets(hot=3, stopped=1), Targets(hot=7, stopped=1)]


@pytest.mark.parametrize(
    ("demand", "targets"),
    [(None, Targets(hot=2)), (Demand(tier="stopped", cap=1), Targets(stopped=2))],
)
def test_the_minimum_holds_for_the_tier_that_demand_sizes(
    demand: Demand | None, targets: Targets
) -> None:
    found, reasons = wanted(pool(min=2, demand=demand), Record(), NOON)
    assert found == targets
    assert reasons[-1].endswith("the pool's min")


def test_an_operators_word_comes_before_all() -> None:
    definition = pool(targets=Targets(hot=3, stopped=4), min=2, demand=Demand(cap=9))
    targets, reasons = wanted(definition, recorded((0, 9)), NOON, resize={"hot": 1})
    assert targets == Targets(hot=1, stopped=4)
    assert reasons[-1] == "hot 1, stopped 4: resized by an operator"


def test_the_reason_tells_the_numbers() -> None:
    _, reasons = wanted(sized(floor=2), recorded((0, 9), (30, 4)), NOON + 40 * MINUTE)
    assert reasons == (
        "none: the pool's own targets",
        "hot 5: 9 machines by p90 of the jobs at once in 60 min, 4 of them for jobs",
    )


def test_a_day_of_busy_minutes_is_all_that_is_kept() -> None:
    record = Record()
    for minute in range(3000):
        record = record.add(NOON + minute * MINUTE, minute % 7)
    assert len(record.minutes) <= DAY / MINUTE + 2
    assert len(record.model_dump_json()) < 32_000


def test_a_record_survives_its_journey() -> None:
    record = recorded((0, 3), (1, 0), (5, 2))
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_clocks_that_go_back_do_not_break_the_record() -> None:
    assert recorded((5, 3), (3, 1)).minutes == recorded((5, 3), (5, 1)).minutes


def test_the_next_look_is_when_the_size_falls() -> None:
    definition, record = sized(window=10 * MINUTE, linger=5 * MINUTE), recorded((0, 8), (20, 0))
    assert next_look(definition, record, NOON + 20 * MINUTE) == NOON + 34 * MINUTE


def test_the_next_look_is_when_the_schedule_changes() -> None:
    definition = scheduled(window("08:00", "18:00"), demand=Demand(cap=9))
    assert next_look(definition, recorded((0, 0)), NOON) == at("2026-11-27 18:00")


def test_a_quiet_pool_is_not_looked_at_again() -> None:
    assert next_look(sized(floor=2), recorded((0, 0)), NOON) is None


steps = st.lists(st.tuples(st.integers(0, 90), st.integers(0, 9)), max_size=12).map(
    lambda drawn: tuple(sorted(drawn, key=lambda step: step[0]))
)
demands = st.builds(
    Demand,
    percentile=st.sampled_from((0.1, 0.5, 0.9, 1.0)),
    window=st.integers(1, 40).map(lambda number: number * MINUTE),
    linger=st.integers(0, 20).map(lambda number: number * MINUTE),
    floor=st.integers(0, 3),
    cap=st.integers(3, 9),
)


def peak(steps: Steps, minute: int) -> int:
    """The most jobs at once in a minute, read from all that was told."""
    before = [jobs for at, jobs in steps if at < minute][-1:]
    return max([*before, *(jobs for at, jobs in steps if at == minute)])


def size(steps: Steps, demand: Demand, minute: int) -> int:
    """The size by the book: the highest of the percentiles that were lately so."""
    ranks = [0]
    for now in range(minute - demand.linger // MINUTE, minute + 1):
        first = max(now - demand.window // MINUTE + 1, steps[0][0]) if steps else now + 1
        peaks = sorted(peak(steps, each) for each in range(first, now + 1))
        ranks += [peaks[ceil(demand.percentile * len(peaks)) - 1]] if peaks else []
    return min(max(*ranks, demand.floor), demand.cap)


@given(steps, demands, st.integers(0, 60))
def test_the_size_is_by_the_book(steps: Steps, demand: Demand, later: int) -> None:
    minute = (steps[-1][0] if steps else 0) + later
    record = recorded(*steps)
    free = max(size(steps, demand, minute) - record.level, 0)
    assert hot(pool(demand=demand), record, minute) == free


@given(steps, demands)
def test_nothing_changes_before_the_next_look(steps: Steps, demand: Demand) -> None:
    record, definition = recorded(*steps), pool(demand=demand)
    now = NOON + (steps[-1][0] if steps else 0) * MINUTE
    look = next_look(definition, record, now)
    until: datetime = look or now + 3 * HOUR
    minutes = range(max(int((until - now) / MINUTE), 1))
    assert len({wanted(definition, record, now + number * MINUTE)[0] for number in minutes}) == 1


@given(steps, demands)
def test_looking_ends(steps: Steps, demand: Demand) -> None:
    record, definition = recorded(*steps), pool(demand=demand)
    moment: datetime | None = NOON + (steps[-1][0] if steps else 0) * MINUTE
    looks = 0
    while moment and looks < 100:
        moment, looks = next_look(definition, record, moment), looks + 1
    assert moment is None
