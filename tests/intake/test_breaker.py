"""When Temporal is thought to be away, and when to look again."""

import pytest

from intake.breaker import Breaker
from tests.intake.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, silence=1, pause=5, clock=clock)


@pytest.fixture
def opened(breaker: Breaker) -> Breaker:
    fail(breaker, 3)
    return breaker


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_a_few_failures_do_not_open_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert not breaker.is_open


def test_several_in_a_row_open_it(opened: Breaker) -> None:
    assert opened.is_open


def test_a_success_between_begins_the_count_anew(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    clock.now = 60
    fail(breaker, 2)
    assert not breaker.is_open


def test_a_burst_that_gives_up_at_once_does_not_open_it(breaker: Breaker, clock: Clock) -> None:
    breaker.succeeded()
    clock.now = 0.9
    fail(breaker, 400)
    assert not breaker.is_open
    clock.now = 1.0
    breaker.failed()
    assert breaker.is_open


def test_a_success_closes_it(opened: Breaker) -> None:
    opened.succeeded()
    assert not opened.is_open
    assert not opened.probe_due()


def test_one_probe_is_due_in_each_pause(opened: Breaker, clock: Clock) -> None:
    due = []
    for clock.now in (4.9, 5.0, 5.1, 9.9, 10.0):
        due.append(opened.probe_due())
    assert due == [False, True, False, False, True]


def test_its_opening_and_closing_are_logged_once(
    breaker: Breaker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    fail(breaker, 10)
    breaker.succeeded()
    breaker.succeeded()
    assert caplog.messages == ["temporal is away", "temporal is back"]
