"""The demo's table says whose runner is whose, and fits its terminal."""

import io

import pytest
from rich.console import Console

from simulator.accounts import Accounts, Orphans
from simulator.screen import Screen, counted, owner, summary, table
from simulator.watching import Row


def row(job_id: int, *, runner: str = "", state: str = "running", closed: bool = False) -> Row:
    return Row(job_id, f"CI / test ({job_id})", state, runner, "c8g.large", 1, 1.5, closed)


def drawn(what: object, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        ("", ""),
        ("runs-fleet-7-1", "own"),
        ("runs-fleet-7-2", "own, attempt 2"),
        ("runs-fleet-8-1", "of 8"),
        ("runs-fleet-8-3", "of 8, attempt 3"),
        ("somebody-elses", "somebody-elses"),
    ],
)
def test_a_runner_is_told_by_whose_it_is(runner: str, words: str) -> None:
    assert owner(row(7, runner=runner)) == words


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("jobs", [1, 10, 11, 500])
def test_the_table_fits(jobs: int, wide: bool) -> None:
    lines = drawn(table([row(job) for job in range(jobs)], 10, wide=wide)).splitlines()
    assert len(lines) <= 11
    assert max(len(line.rstrip()) for line in lines) <= (90 if wide else 72)


def test_what_does_not_fit_is_counted() -> None:
    assert "491 more" in drawn(table([row(job) for job in range(500)], 10))


def test_states_are_counted_in_the_order_of_a_life() -> None:
    rows = [row(1, state="completed"), row(2, state="placing"), row(3, state="completed")]
    assert counted(rows, 3) == "3 jobs: 1 placing, 2 completed"


def test_a_clean_account_has_three_marks() -> None:
    assert drawn(summary(Accounts(jobs=3, completed=3))).count("0 ✓") == 3


def test_what_is_left_is_named() -> None:
    left = Accounts(jobs=3, completed=3, orphans=2, orphaned=Orphans(machines=2))
    assert "2 ✗ left: 2 machines" in drawn(summary(left))


def test_what_is_left_of_a_cluster_is_named_by_its_kind() -> None:
    left = Accounts(jobs=3, completed=3, orphans=3, orphaned=Orphans(secrets=1, volume_claims=2))
    assert "3 ✗ left: 1 secrets, 2 volume claims" in drawn(summary(left))


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    screen = Screen(Console(file=(out := io.StringIO()), width=40))
    with screen:
        screen.show([row(1)], asked=1)
        screen.show([row(1)], asked=1)
    assert out.getvalue().count("1 jobs: 1 running") == 1
