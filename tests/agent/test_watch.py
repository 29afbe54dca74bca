"""What the agent decides, moment by moment."""

from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.transcript import Completed, Listening, Running, Symptom, Updating
from agent.watch import Event, Exited, Kill, Limits, Notice, Say, Step, Stop, Terminated, Watch

LIMITS = Limits(idle=100, max_runtime=1_000, wind_up=50, stop_grace=10)


@pytest.fixture
def watch() -> Watch:
    return Watch(LIMITS, 0)


def after(watch: Watch, *events: Event, at: float = 0) -> list[Step]:
    """Return what the last event leads to."""
    return [watch.happened(event, at) for event in events][-1]


def test_a_job_is_told_when_it_starts(watch: Watch) -> None:
    assert after(watch, Listening(), Running("build")) == [Say("started", job="build")]


@pytest.mark.parametrize(
    ("events", "report"),
    [
        ([Running("b"), Completed("Failed"), Exited(0)], ("finished", "Failed")),
        ([Running("b"), Completed("Canceled"), Exited(143)], ("finished", "Canceled")),
        ([Listening(), Exited(0)], ("finished", "no_job")),
        ([Listening(), Symptom("registration_lost"), Exited(0)], ("finished", "registration_lost")),
        ([Symptom("conflict"), Symptom("registration_lost"), Exited(0)], ("finished", "conflict")),
        ([Exited(7)], ("finished", "outdated")),
        ([Listening(), Exited(143)], ("finished", "interrupted")),
        ([Listening(), Exited(-9)], ("failed", "broken")),
        ([Exited(127)], ("failed", "broken")),
        ([Running("b"), Exited(0)], ("failed", "broken")),
        ([Terminated(), Exited(143)], ("finished", "interrupted")),
    ],
)
def test_the_end_is_named(watch: Watch, events: list[Event], report: tuple[str, str]) -> None:
    (said,) = after(watch, *events)
    assert isinstance(said, Say)
    assert (said.kind, said.outcome) == report
    assert watch.ended


def test_a_runner_without_a_job_is_stopped_at_its_idle_limit(watch: Watch) -> None:
    after(watch, Listening(), at=30)
    assert watch.time_passed(129) == []
    assert watch.time_passed(130) == [Stop()]
    assert after(watch, Exited(143), at=131) == [Say("finished", outcome="idle")]


def test_a_job_has_its_whole_time_however_late_it_came(watch: Watch) -> None:
    for minute in range(0, 960, 60):
        after(watch, Listening(), at=minute)
    after(watch, Running("build"), at=960)
    assert watch.time_passed(1_959) == []
    assert watch.time_passed(1_960) == [Stop()]


def test_a_runner_that_never_listens_is_idle_as_well(watch: Watch) -> None:
    assert watch.time_passed(100) == [Stop()]


@pytest.mark.parametrize("again", [Updating(), Listening()])
def test_an_update_makes_idle_time_start_again(watch: Watch, again: Event) -> None:
    after(watch, Listening())
    after(watch, again, at=90)
    assert watch.deadline() == 190


def test_a_busy_runner_has_no_idle_limit(watch: Watch) -> None:
    after(watch, Running("b"), Listening())
    assert watch.deadline() == LIMITS.max_runtime


def test_the_maximum_runtime_ends_even_a_job(watch: Watch) -> None:
    after(watch, Running("b"))
    assert watch.time_passed(1_000) == [Stop()]
    assert after(watch, Completed("Canceled"), Exited(143), at=1_001) == [
        Say("finished", job="b", outcome="max_runtime", detail="Canceled")
    ]


def test_listening_again_after_the_job_is_the_end(watch: Watch) -> None:
    assert after(watch, Running("b"), Completed("Succeeded"), Listening()) == [Stop()]
    assert after(watch, Exited(143)) == [
        Say("finished", job="b", outcome="Succeeded", detail="lingered")
    ]


def test_a_runner_that_hangs_after_its_job_is_stopped(watch: Watch) -> None:
    after(watch, Running("b"), Completed("Succeeded"), at=200)
    assert watch.time_passed(250) == [Stop()]


def test_a_notice_stops_a_runner_without_a_job(watch: Watch) -> None:
    assert after(watch, Notice("spot")) == [Say("interrupted", detail="spot"), Stop()]


def test_a_notice_lets_a_job_go_on(watch: Watch) -> None:
    assert after(watch, Running("b"), Notice("spot")) == [
        Say("interrupted", job="b", detail="spot")
    ]


def test_being_told_to_stop_ends_even_a_job_but_only_once(watch: Watch) -> None:
    after(watch, Running("b"))
    first, second = after(watch, Terminated()), after(watch, Terminated())
    assert [type(step) for step in first] == [Say, Stop]
    assert [type(step) for step in second] == [Say]


def test_what_does_not_stop_is_killed_and_then_left(watch: Watch) -> None:
    assert watch.time_passed(100) == [Stop()]
    assert watch.time_passed(109) == []
    assert watch.time_passed(110) == [Kill()]
    assert watch.time_passed(120) == [Say("finished", outcome="idle")]
    assert watch.time_passed(999) == []


HARMLESS: list[Event] = [Listening(), Updating(), Symptom("conflict"), Notice("spot")]
ANYTHING: list[Event] = [*HARMLESS, Running("b"), Completed("Failed"), Terminated()]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HARMLESS), st.floats(0, LIMITS.max_runtime - 1))))
def test_no_sign_of_trouble_stops_a_busy_runner(events: list[tuple[Event, float]]) -> None:
    watch = Watch(LIMITS, 0)
    after(watch, Running("b"))
    steps = [[*watch.happened(event, at), *watch.time_passed(at)] for event, at in events]
    assert {type(step) for step in chain(*steps)} <= {Say}


@settings(deadline=None)
@given(st.lists(st.sampled_from(ANYTHING)))
def test_whatever_happens_time_brings_the_end(events: list[Event]) -> None:
    watch = Watch(LIMITS, 0)
    happened = [watch.happened(event, 0) for event in events]
    passed = [watch.time_passed(watch.deadline()) for _ in range(3)]
    assert watch.ended
    assert [step for step in chain(*happened, *passed) if isinstance(step, Stop)] == [Stop()]
