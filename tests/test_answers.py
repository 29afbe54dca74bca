"""What the answers of calls outside mean to a ledger."""

from typing import Any

import pytest

from runs_fleet import answers
from runs_fleet.answers import Failure
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobEvent, Machine, MachineStatus, Registration
from runs_fleet.releases import ReleaseResult
from tests.ledgers import JOB, MINE, THEIRS, at, booting, idle, says_github, waiting

GONE = ReleaseResult()
UNSEEN = ReleaseResult(machine_seen=False)
BUSY = ReleaseResult(busy=True)
AWAY = Failure("Unavailable", "HTTP 502")


def ordered() -> Ledger:
    """A job whose order is out."""
    ledger = waiting()
    ledger.next_runner(at(0)).doubtful = True
    return ledger


def test_a_machine_ends_all_doubt() -> None:
    ledger = ordered()
    runner = ledger.runners[0]
    answers.created(ledger, runner, Machine(machine_id="i-1"), at(5))
    assert (runner.doubtful, runner.created_at) == (False, at(5))
    assert answers.wants_registration(ledger, runner)


@pytest.mark.parametrize(("on", "wanted"), [("GitHub Actions 3", False), (THEIRS, True)])
def test_a_machine_made_too_late_is_registered_for_the_job_whose_runner_this_one_got(
    on: str, *, wanted: bool
) -> None:
    ledger = ordered()
    says_github(ledger, "in_progress", 3, on=on)
    answers.created(ledger, ledger.runners[0], Machine(machine_id="i-1"), at(5))
    assert answers.wants_registration(ledger, ledger.runners[0]) is wanted


def test_no_capacity_keeps_the_attempt_and_moves_the_rung() -> None:
    ledger = ordered()
    answers.created(ledger, ledger.runners[0], Failure("NoCapacity", "no spot"), at(5))
    assert (ledger.rung, ledger.runners[0].cause, ledger.runners[0].doubtful) == (1, "", False)


def test_a_refused_order_ends_the_demand() -> None:
    ledger = ordered()
    answers.created(ledger, ledger.runners[0], Failure("Refused", "no such type"), at(5))
    assert (ledger.over, ledger.reason) == ("gave_up", "no such type")


def test_a_refusal_does_not_end_a_job_that_runs_elsewhere() -> None:
    ledger = ordered()
    says_github(ledger, "in_progress", 3, on=THEIRS)
    answers.created(ledger, ledger.runners[0], Failure("Refused", "no such type"), at(5))
    assert (ledger.over, ledger.runners[0].cause) == ("", "refused")


def test_an_order_that_nobody_answered_leaves_a_doubt() -> None:
    ledger = ordered()
    answers.created(ledger, ledger.runners[0], AWAY, at(600))
    assert (ledger.runners[0].cause, ledger.runners[0].doubtful) == ("not_created", True)


@pytest.mark.parametrize(("seconds", "reminted"), [(2, False), (17, True)])
def test_a_mint_that_took_long_may_have_been_made_twice(seconds: float, *, reminted: bool) -> None:
    ledger = booting()
    runner = ledger.runners[0]
    answers.registered(ledger, runner, Registration(runner_id=5, runner=MINE), at(seconds))
    assert (runner.runner_id, runner.reminted) == (5, reminted)


def test_a_runner_that_cannot_be_registered_has_ended() -> None:
    ledger = booting()
    answers.registered(ledger, ledger.runners[0], AWAY, at(600))
    assert ledger.runners[0].ended == "not_registered"


def test_a_ready_runner_was_registered_whatever_the_answer() -> None:
    ledger = idle()
    answers.registered(ledger, ledger.runners[0], AWAY, at(600))
    assert ledger.runners[0].ended == ""


def test_a_refused_registration_ends_the_demand() -> None:
    ledger = booting()
    answers.registered(ledger, ledger.runners[0], Failure("Refused", "not allowed"), at(5))
    assert ledger.over == "gave_up"


@pytest.mark.parametrize(
    ("results", "gone"),
    [
        ([GONE], True),
        ([BUSY], False),
        ([AWAY], False),
        ([UNSEEN], False),
        ([UNSEEN, UNSEEN], True),
        ([AWAY, UNSEEN], False),
        ([BUSY, UNSEEN], False),
        ([BUSY, UNSEEN, UNSEEN], True),
    ],
)
def test_a_machine_that_may_show_late_is_looked_for_twice(
    results: list[ReleaseResult | Failure], *, gone: bool
) -> None:
    ledger = ordered()
    runner = ledger.runners[0]
    for result in results:
        answers.released(ledger, runner, result, at(60))
    assert (runner.gone_at is not None) is gone


def test_a_machine_that_was_there_needs_no_second_look() -> None:
    ledger = idle()
    answers.released(ledger, ledger.runners[0], UNSEEN, at(60))
    assert ledger.runners[0].gone_at == at(60)


def test_only_an_answer_counts_as_one() -> None:
    ledger = idle()
    answers.asked(ledger, AWAY, at(60))
    assert (ledger.asked_at, ledger.answered_at) == (at(60), None)
    answers.asked(ledger, JobEvent(job_id=JOB, phase="queued", at=at(70)), at(70))
    assert ledger.answered_at == at(70)


@pytest.mark.parametrize(("seconds", "over"), [(20, ""), (60, "vanished")])
def test_a_job_unknown_to_github_has_vanished_unless_it_is_new(seconds: float, over: str) -> None:
    ledger = idle()
    answers.asked(ledger, Failure("NotThere", "job 7"), at(seconds))
    assert ledger.over == over


def test_an_operators_word_does_not_wait_for_the_next_look() -> None:
    ledger = idle()
    ledger.note_kept(ledger.runners[0], at(60), busy=True)
    answers.close(ledger, "released", "cancelled by an operator")
    assert ledger.runners[0].look_at is None


@pytest.mark.parametrize(
    ("answer", "trace"),
    [
        ([MachineStatus(machine_id="i-1", state="gone", taken=True)], "taken"),
        ([MachineStatus(machine_id="i-1", state="gone")], "kept"),
        ([], "kept"),
        (AWAY, "unknown"),
    ],
)
def test_a_machine_was_lost_if_the_cloud_says_that_it_took_it(
    answer: list[MachineStatus] | Failure, trace: str
) -> None:
    ledger = waiting()
    answers.traced(ledger, answer, at(60))
    assert ledger.trace == trace


@pytest.mark.parametrize("take_in", [answers.created, answers.placed])
def test_an_order_whose_machine_has_ended_already_opens_a_new_attempt(take_in: Any) -> None:
    ledger = waiting(one_call=True)
    runner = ledger.next_runner(at(0))
    runner.registering = True
    take_in(ledger, runner, Failure("MachineGone", "token answers i-1, which is gone"), at(9))
    assert (runner.cause, runner.doubtful, runner.registering) == ("not_created", True, True)
    assert ledger.rung == 0
