"""Why a lifecycle lets go of a runner, and why it keeps one."""

from typing import Any

import pytest

from runs_fleet import judging
from runs_fleet.ledger import Ledger
from tests.ledgers import (
    OTHER,
    THEIRS,
    answered,
    at,
    booting,
    idle,
    running,
    says_agent,
    says_cloud,
    says_github,
    waiting,
)

HOURS = 3600.0


def judged(ledger: Ledger, seconds: float) -> str:
    return judging.judge(ledger, ledger.runners[0], at(seconds))


def test_a_runner_is_kept_while_its_job_runs() -> None:
    assert judged(running(), 6 * HOURS) == ""


def test_a_runner_that_works_for_another_job_is_taken() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    assert judged(ledger, 41) == "taken"


def test_a_taken_runner_is_called_so_after_the_job_too() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    says_github(ledger, "completed", 45, on=THEIRS, conclusion="success")
    assert judged(ledger, 46) == "taken"


@pytest.mark.parametrize(
    ("seconds", "cause"), [(12 * HOURS + 39, ""), (12 * HOURS + 40, "max_runtime")]
)
def test_the_maximum_runtime_counts_from_the_start_of_the_job(seconds: float, cause: str) -> None:
    assert judged(running(), seconds) == cause


def test_an_order_without_a_machine_has_no_runtime() -> None:
    ledger = waiting()
    ledger.next_runner(at(0))
    assert judged(ledger, 19 * HOURS) == ""


@pytest.mark.parametrize(("seconds", "cause"), [(599, ""), (600, "boot_timeout")])
def test_a_machine_has_some_minutes_to_boot(seconds: float, cause: str) -> None:
    assert judged(booting(), seconds) == cause


@pytest.mark.parametrize(("seconds", "cause"), [(629, ""), (630, "no_pickup")])
def test_a_ready_runner_has_some_minutes_to_get_its_job(seconds: float, cause: str) -> None:
    assert judged(idle(), seconds) == cause


@pytest.mark.parametrize("outcome", ["no_job", "registration_lost", "conflict", "idle", "outdated"])
def test_a_runner_that_ended_without_a_job_is_let_go_for_that(outcome: str) -> None:
    ledger = idle()
    says_agent(ledger, "finished", 60, outcome=outcome)
    assert judged(ledger, 61) == outcome


@pytest.mark.parametrize("kind", ["started", "finished"])
@pytest.mark.parametrize(("asked", "cause"), [(None, ""), (70, ""), (81, "taken")])
def test_a_runner_that_had_some_job_is_taken_once_github_surely_means_it(
    kind: Any, asked: float | None, cause: str
) -> None:
    ledger = idle()
    says_agent(ledger, kind, 60, outcome="Succeeded")
    answered(ledger, asked or 59)
    assert judged(ledger, 100) == cause


def test_an_unanswered_question_is_no_answer() -> None:
    ledger = idle()
    says_agent(ledger, "started", 60)
    ledger.asked_at = at(90)
    assert judged(ledger, 100) == ""


def test_a_machine_lost_before_the_job_is_let_go_for_that() -> None:
    ledger = idle()
    says_cloud(ledger, 60, cause="Server.SpotInstanceTermination")
    assert judged(ledger, 61) == "Server.SpotInstanceTermination"


def test_a_machine_lost_with_the_job_waits_for_github() -> None:
    ledger = running()
    says_cloud(ledger, 60)
    assert judged(ledger, 61) == ""


@pytest.mark.parametrize(
    ("report", "seconds", "cause"),
    [(None, 99, ""), (None, 100, "job_done"), ("finished", 92, "job_done")],
)
def test_a_runner_whose_job_is_over_may_tidy_up(report: Any, seconds: float, cause: str) -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="success")
    says_agent(ledger, report or "ready", 91, outcome="Succeeded")
    assert judged(ledger, seconds) == cause


class TestAnIdleRunnerBesideItsRunningJob:
    """The job runs on another lifecycle's runner; its own may still serve somebody else's."""

    def ledger(self) -> Ledger:
        ledger = idle()
        says_github(ledger, "in_progress", 40, on=THEIRS)
        return ledger

    def test_is_kept_for_a_while(self) -> None:
        assert judged(self.ledger(), 629) == ""

    def test_does_not_wait_for_ever(self) -> None:
        assert judged(self.ledger(), 630) == "no_pickup"

    def test_goes_when_it_ends(self) -> None:
        ledger = self.ledger()
        says_agent(ledger, "finished", 60, outcome="idle")
        assert judged(ledger, 61) == "idle"

    def test_is_taken_when_it_says_that_it_runs_a_job(self) -> None:
        ledger = self.ledger()
        says_agent(ledger, "started", 60)
        assert judged(ledger, 61) == "taken"

    def test_is_not_needed_if_it_was_never_registered(self) -> None:
        ledger = self.ledger()
        ledger.runners[0].registering = False
        assert judged(ledger, 41) == "not_needed"

    def test_is_kept_if_github_has_not_named_the_jobs_runner(self) -> None:
        ledger = idle()
        says_github(ledger, "in_progress", 40, on=None)
        assert judged(ledger, 2 * HOURS) == ""


def test_the_runner_of_a_lost_job_goes_by_the_name_of_its_loss() -> None:
    ledger = running()
    says_cloud(ledger, 90)
    says_github(ledger, "completed", 130, conclusion="failure")
    assert judged(ledger, 141) == "terminated"
