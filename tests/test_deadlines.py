"""When a lifecycle looks up from its waiting."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet import deadlines
from runs_fleet.decisions import Wait, next_step
from runs_fleet.ledger import Ledger
from tests.ledgers import (
    MINE,
    OTHER,
    THEIRS,
    answered,
    at,
    booting,
    idle,
    made,
    running,
    says_agent,
    says_cloud,
    says_github,
    waiting,
)

HOURS = 3600.0


def asked_times(ledger: Ledger, count: int, *, answers: bool) -> list[float]:
    """The seconds at which GitHub is asked, if it says nothing new."""
    times = []
    for _ in range(count):
        seconds = (deadlines.ask_at(ledger) - at(0)).total_seconds()
        times.append(seconds)
        ledger.asked_at = at(seconds)
        ledger.answered_at = at(seconds) if answers else ledger.answered_at
    return times


def test_a_silent_job_is_asked_about_less_and_less_often() -> None:
    times = asked_times(running(), 6, answers=True)
    assert [later - earlier for earlier, later in zip([40, *times], times, strict=False)] == [
        600, 600, 1200, 2400, 3600, 3600,
    ]  # fmt: skip


def test_without_answers_the_next_question_is_never_far() -> None:
    times = asked_times(running(), 6, answers=False)
    assert [later - earlier for earlier, later in zip([40, *times], times, strict=False)] == [
        600
    ] * 6


def test_what_github_should_have_told_is_asked_soon_and_then_with_growing_patience() -> None:
    ledger = idle()
    says_agent(ledger, "started", 40)
    assert asked_times(ledger, 5, answers=True) == [55, 70, 100, 160, 280]


def test_a_running_job_is_asked_about_once_its_agent_says_that_it_ended() -> None:
    ledger = running()
    says_agent(ledger, "finished", 90, outcome="Succeeded")
    assert deadlines.ask_at(ledger) == at(105)


def test_a_running_job_is_asked_about_once_its_machine_is_lost() -> None:
    ledger = running()
    says_cloud(ledger, 90)
    assert deadlines.ask_at(ledger) == at(105)


def test_before_the_next_attempt_github_is_asked() -> None:
    ledger = idle()
    ledger.runners[0].drop("no_pickup", at(630))
    assert deadlines.ask_at(ledger) == at(640)
    answered(ledger, 640)
    assert deadlines.ask_at(ledger) == at(1280)


def test_that_question_stays_open_until_it_is_answered() -> None:
    ledger = idle()
    ledger.runners[0].drop("no_pickup", at(630))
    assert asked_times(ledger, 3, answers=False) == [640, 655, 670]


@pytest.mark.parametrize(
    ("causes", "pause"),
    [
        (["boot_timeout"], 10),
        (["boot_timeout", "no_pickup"], 20),
        (["boot_timeout"] * 9, 600),
        (["boot_timeout", "taken"], 10),
        (["taken", "taken", "boot_timeout"], 10),
    ],
)
def test_each_failure_makes_the_next_attempt_wait_longer(causes: list[str], pause: float) -> None:
    ledger = waiting()
    for cause in causes:
        made(ledger).drop(cause, at(0))
    assert deadlines.order_at(ledger) == at(pause)


@pytest.mark.parametrize(("losses", "pause"), [(1, 0), (2, 0), (3, 10), (4, 20), (20, 600)])
def test_only_the_first_losses_are_made_good_at_once(losses: int, pause: float) -> None:
    ledger = waiting()
    for number in range(losses):
        lost = made(ledger)
        says_cloud(ledger, 0, attempt=number + 1)
        lost.drop(lost.lost, at(0))
    assert deadlines.order_at(ledger) == at(pause)


def test_a_runner_that_works_for_another_job_is_looked_at_in_silence_only() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    runner = ledger.runners[0]
    runner.drop("taken", at(40))
    assert deadlines.release_at(ledger, runner) == at(640)
    says_github(ledger, "completed", 100, job_id=OTHER)
    assert deadlines.release_at(ledger, runner) == at(110)
    says_agent(ledger, "finished", 102, outcome="Succeeded")
    assert deadlines.release_at(ledger, runner) <= at(102)


def test_a_runner_kept_for_a_reason_unknown_is_looked_at_with_growing_patience() -> None:
    ledger = idle()
    runner = ledger.runners[0]
    runner.drop("no_pickup", at(630))
    looks = []
    for _ in range(8):
        ledger.note_kept(runner, at(0), busy=True)
        looks.append(deadlines.release_at(ledger, runner))
    assert looks == [at(seconds) for seconds in (15, 30, 60, 120, 240, 480, 600, 600)]


def test_a_working_runner_is_removed_at_its_maximum_runtime_at_the_latest() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    runner = ledger.runners[0]
    runner.drop("taken", at(40))
    ledger.note_kept(runner, at(12 * HOURS), busy=True)
    assert deadlines.release_at(ledger, runner) == at(12 * HOURS + 40)


@pytest.mark.parametrize("on", [MINE, THEIRS])
def test_the_wait_for_a_jobs_end_has_one(on: str) -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, on=on)
    assert deadlines.overdue_at(ledger) == at(13 * HOURS + 40)


EVENTS = st.lists(
    st.tuples(
        st.floats(0, 5000),
        st.sampled_from(
            [
                "ready",
                "started",
                "finished",
                "interrupted",
                "gone",
                "mine",
                "other",
                "theirs",
                "over",
            ]
        ),
    ),
    max_size=8,
)


def happens(ledger: Ledger, what: str, seconds: float) -> None:
    """Let one thing happen, in whatever order."""
    match what:
        case "gone":
            says_cloud(ledger, seconds)
        case "mine" | "theirs":
            says_github(ledger, "in_progress", seconds, on=MINE if what == "mine" else THEIRS)
        case "other":
            says_github(ledger, "in_progress", seconds, job_id=OTHER)
        case "over":
            says_github(ledger, "completed", seconds, conclusion="failure")
        case "ready" | "started" | "finished" | "interrupted":
            says_agent(ledger, what, seconds, outcome="Succeeded")


@given(EVENTS, st.floats(0, 90_000))
def test_whoever_waits_waits_for_a_moment_to_come(
    events: list[tuple[float, str]], later: float
) -> None:
    ledger = booting()
    for seconds, what in sorted(events):
        happens(ledger, what, seconds)
    now = at(5000 + later)
    step = next_step(ledger, now)
    assert waited(step, now) <= now + timedelta(days=1)
    assert waited(step, now) >= now


def waited(step: object, now: datetime) -> datetime:
    """Until when a step lets the lifecycle wait; the others do something at once."""
    return step.until if isinstance(step, Wait) else now
