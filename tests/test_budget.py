"""How many calls may be made, and how a service's refusals change that."""

import pytest

from runs_fleet.budget import Budget


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def budget(clock: Clock) -> Budget:
    return Budget("launches", burst=5, rate=2, clock=clock)


def test_a_burst_goes_at_once_and_the_rest_at_the_rate(budget: Budget, clock: Clock) -> None:
    assert [budget.take() for _ in range(6)] == [0, 0, 0, 0, 0, 0.5]
    clock.now += 0.5
    assert budget.take() == 0
    assert budget.take() == pytest.approx(0.5)


def test_it_saves_up_no_more_than_a_burst(budget: Budget, clock: Clock) -> None:
    clock.now += 3600
    assert [budget.take() > 0 for _ in range(6)] == [False] * 5 + [True]


def test_a_refusal_halves_the_rate_and_empties_the_bucket(budget: Budget, clock: Clock) -> None:
    budget.throttled()
    assert budget.rate == 1
    assert budget.take() == 1


def test_refusals_of_calls_under_way_count_once(budget: Budget, clock: Clock) -> None:
    budget.throttled()
    budget.throttled()
    assert budget.rate == 1
    clock.now += 2
    budget.throttled()
    assert budget.rate == 0.5


def test_calls_that_are_served_win_the_rate_back_bit_by_bit(budget: Budget) -> None:
    budget.throttled()
    rates = []
    for _ in range(12):
        budget.served()
        rates.append(budget.rate)
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(1.1)
    assert rates[-1] == 2


def test_there_is_always_a_little(budget: Budget, clock: Clock) -> None:
    rates = []
    for _ in range(20):
        budget.throttled()
        rates.append(budget.rate)
        clock.now += 2
    assert min(rates) == pytest.approx(0.1)


def test_changes_of_the_rate_are_told(clock: Clock) -> None:
    told: list[tuple[str, float]] = []
    budget = Budget(
        "launches", burst=5, rate=2, clock=clock, told=lambda name, rate: told.append((name, rate))
    )
    budget.served()
    budget.throttled()
    assert told == [("launches", 1)]
