"""A burst of registrations beyond what GitHub takes in a minute is served in order of fairness."""

import pytest

from runs_fleet.errors import RateLimited
from runs_fleet.fairness import weights
from runs_fleet.github.registrations import Registrations
from tests.github.scripted import Clock

MOST = 10


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def shown() -> list[int]:
    return []


@pytest.fixture
def gate(clock: Clock, shown: list[int]) -> Registrations:
    return Registrations(MOST, clock=clock, shown=shown.append)


def tried(gate: Registrations, *runners: str, payer: int = 7, share: str = "a/a") -> list[float]:
    """Tell of each how long it has to wait; 0 has passed."""
    return [waits(gate, runner, payer=payer, share=share) for runner in runners]


def waits(gate: Registrations, runner: str, *, payer: int = 7, share: str = "a/a") -> float:
    try:
        gate.enter(payer, runner, share)
    except RateLimited as error:
        return error.after
    return 0.0


def served(gate: Registrations, clock: Clock, shares: dict[str, str], seconds: int) -> list[str]:
    """Let everybody come back when told to, and list who passes in which order."""
    due = dict.fromkeys(shares, clock.now)
    passed = list[str]()
    for _ in range(seconds):
        clock.now += 1
        coming = [runner for runner, at in due.items() if at <= clock.now]
        told = {runner: waits(gate, runner, share=shares[runner]) for runner in coming}
        due |= {runner: clock.now + after for runner, after in told.items()}
        done = [runner for runner, after in told.items() if not after]
        due = {runner: at for runner, at in due.items() if runner not in done}
        passed += done
    return passed


def numbered(name: str, count: int) -> list[str]:
    return [f"{name}{number:03}" for number in range(count)]


def test_a_minutes_worth_passes_at_once(gate: Registrations) -> None:
    assert tried(gate, *numbered("r", MOST)) == [0.0] * MOST


def test_whoever_is_too_early_is_told_who_is_before_it_and_when_to_come(
    gate: Registrations,
) -> None:
    tried(gate, *numbered("r", MOST + 2))
    with pytest.raises(RateLimited, match=r"GitHub's limit of registrations, 2 before it") as told:
        gate.enter(7, "late", "a/a")
    assert 60 <= told.value.after <= 61


def test_the_rest_of_a_burst_comes_a_minute_later(gate: Registrations, clock: Clock) -> None:
    first, second = numbered("r", MOST), numbered("s", MOST)
    tried(gate, *first, *second)
    assert min(tried(gate, *second)) > 59
    clock.now += 61
    assert tried(gate, *second) == [0.0] * MOST


def test_no_minute_has_more_than_may_pass(gate: Registrations, clock: Clock) -> None:
    shares = dict.fromkeys(numbered("r", 45), "a/a")
    passed = [len(served(gate, clock, shares, 1)), len(served(gate, clock, shares, 59))]
    assert passed == [MOST, 0]
    assert len(served(gate, clock, shares, 50)) == MOST


def test_a_single_runner_is_among_the_next_however_large_the_matrix_before_it(
    gate: Registrations, clock: Clock
) -> None:
    shares = dict.fromkeys(numbered("matrix", 50), "acme/matrix")
    first = served(gate, clock, shares, 5)
    left = {runner: share for runner, share in shares.items() if runner not in first}
    passed = served(gate, clock, {**left, "single": "octo/one"}, 70)
    assert len(first) == MOST
    assert "single" in passed[:MOST]


def test_weights_count(clock: Clock) -> None:
    gate = Registrations(MOST, clock=clock, weight=weights({"acme/*": 4}))
    tried(gate, *numbered("before", MOST))
    shares = dict.fromkeys(numbered("heavy", 40), "acme/a")
    shares |= dict.fromkeys(numbered("light", 40), "octo/b")
    passed = served(gate, clock, shares, 65)
    assert len(passed) == MOST
    assert sum(each.startswith("heavy") for each in passed) in (7, 8, 9)


def test_installations_do_not_wait_for_each_other(gate: Registrations) -> None:
    tried(gate, *numbered("r", MOST + 5))
    assert tried(gate, "other", payer=8) == [0.0]


def test_whoever_does_not_come_back_loses_its_place(gate: Registrations, clock: Clock) -> None:
    tried(gate, *numbered("r", MOST), *numbered("gone", MOST))
    clock.now += 60 + 62
    assert tried(gate, *numbered("new", MOST)) == [0.0] * MOST


def test_how_many_wait_is_shown(gate: Registrations, shown: list[int], clock: Clock) -> None:
    tried(gate, *numbered("r", MOST), "x", "y")
    assert shown[-1] == 2
    clock.now += 61
    tried(gate, "x", "y")
    assert shown[-1] == 0


def test_when_github_has_had_enough_fewer_pass_and_slowly_more_again(
    gate: Registrations, clock: Clock
) -> None:
    gate.refused(7, 20)
    gate.refused(7, 20)
    assert 20 <= waits(gate, "s") <= 21
    clock.now += 21
    passed = tried(gate, "s", *numbered("t", MOST)).count(0.0)
    assert passed == MOST // 2


def test_a_limit_that_is_soon_over_keeps_nobody_for_a_minute(
    gate: Registrations, clock: Clock
) -> None:
    tried(gate, "r")
    gate.refused(7, 2)
    assert 2 <= waits(gate, "s") <= 3
    clock.now += 3
    assert waits(gate, "s") == 0
