"""Who leaves a runner to whom, once GitHub has given one's runner to another's job."""

from typing import Any

import pytest

from runs_fleet import decisions, lending, names, story
from runs_fleet.ledger import Ledger
from runs_fleet.lending import Send
from runs_fleet.loans import Loan, LoanNews
from runs_fleet.models import Phase, Scope
from tests.ledgers import (
    JOB,
    MINE,
    OTHER,
    POLICY,
    THEIRS,
    answered,
    at,
    booting,
    idle,
    says_agent,
    says_cloud,
    says_github,
    waiting,
)

GRACE = POLICY.theft_grace.total_seconds()
THIRD = 9
THIRDS = names.runner(THIRD, 1)
# When the job has had a stranger's runner for long enough to leave its own to the stranger.
LATER = 40 + GRACE / 2


def thief() -> Ledger:
    """A job that got another job's runner while its own was idle."""
    ledger = idle()
    says_github(ledger, "in_progress", 40, on=THEIRS)
    return ledger


def lender() -> Ledger:
    """A thief that has left its runner to the other job."""
    ledger = thief()
    send = lending.errand(ledger, at(LATER))
    assert send is not None
    lending.sent(ledger, send, arrived=True)
    return ledger


def robbed(**changes: Any) -> Ledger:
    """A job whose runner has another job."""
    ledger = idle(**changes)
    says_github(ledger, "in_progress", 40, on=MINE, job_id=OTHER)
    ledger.runners[0].drop("taken", at(40))
    return ledger


def loan(runner: str = THEIRS, *, seconds: float = 100, **facts: Any) -> Loan:
    told = {"runner": runner, "labels": ("runs-fleet",), "place": "octo/hello"}
    return Loan.model_validate(told | {"until": at(seconds)} | facts)


def hears(ledger: Ledger, kind: str, seconds: float, lent: Loan | None = None) -> None:
    news = LoanNews.model_validate({"kind": kind, "loan": lent or loan()})
    ledger.loans.fold(news, at(seconds))


def step(ledger: Ledger, seconds: float) -> decisions.Step:
    return decisions.next_step(ledger, at(seconds))


def test_who_got_a_strangers_runner_leaves_its_own_to_the_stranger() -> None:
    send = lending.errand(thief(), at(LATER))
    assert send is not None
    assert (send.to, send.news.kind, send.news.loan.runner) == (OTHER, "lent", MINE)


def test_github_is_given_some_time_to_swap_runners_by_itself() -> None:
    assert step(thief(), LATER - 1) == decisions.Wait(at(LATER))


def test_a_runner_that_got_the_strangers_job_by_itself_is_not_lent() -> None:
    ledger = thief()
    says_github(ledger, "in_progress", 41, on=MINE, job_id=OTHER)
    assert lending.errand(ledger, at(LATER)) is None


@pytest.mark.parametrize("on", [None, "GitHub Actions 3", MINE])
def test_who_got_no_strangers_runner_owes_nothing(on: str | None) -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, on=on)
    assert lending.errand(ledger, at(LATER)) is None


def test_a_runner_that_is_still_booting_is_lent_too() -> None:
    ledger = booting()
    says_github(ledger, "in_progress", 20, on=THEIRS)
    assert isinstance(lending.errand(ledger, at(LATER)), Send)


def test_a_lent_runner_is_kept_though_its_own_job_is_over() -> None:
    ledger = lender()
    says_github(ledger, "completed", 60, on=THEIRS, conclusion="success")
    assert isinstance(step(ledger, 70), decisions.Wait)


def test_the_pages_of_both_jobs_tell_of_a_loan() -> None:
    assert f"`{MINE}` is left to job {OTHER}" in story.details(lender())
    ledger = robbed()
    hears(ledger, "lent", 45)
    assert f"Waits for `{THEIRS}`, which another job left to it." in story.details(ledger)


def test_a_borrower_that_is_over_leaves_the_runner_without_use() -> None:
    ledger = thief()
    send = lending.errand(ledger, at(LATER))
    assert send is not None
    lending.sent(ledger, send, arrived=False)
    assert step(ledger, 60) == decisions.Drop(ledger.runners[0], "not_needed")


def test_a_runner_that_comes_back_is_let_go_of() -> None:
    ledger = lender()
    hears(ledger, "returned", 50, loan(MINE))
    assert step(ledger, 60) == decisions.Drop(ledger.runners[0], "not_needed")


def test_a_lent_runner_that_nobody_picks_up_goes_at_its_deadline() -> None:
    ledger = lender()
    answered(ledger, 600)
    late = 30 + POLICY.pickup_timeout.total_seconds()
    assert step(ledger, late) == decisions.Drop(ledger.runners[0], "no_pickup")


def test_a_lent_runner_that_has_the_borrowers_job_is_held_until_that_is_over() -> None:
    ledger = lender()
    says_github(ledger, "in_progress", 50, on=MINE, job_id=OTHER)
    assert step(ledger, 60) == decisions.Drop(ledger.runners[0], "taken")
    assert lending.errand(ledger, at(60)) is None


@pytest.mark.parametrize("how", ["lost", "broken", "stolen"])
def test_a_lent_runner_that_comes_to_nothing_is_recalled(how: str) -> None:
    ledger = lender()
    news = {
        "lost": lambda: says_cloud(ledger, 50, cause="Server.SpotInstanceTermination"),
        "broken": lambda: says_agent(ledger, "failed", 50, outcome="broken"),
        "stolen": lambda: says_github(ledger, "in_progress", 50, on=MINE, job_id=THIRD),
    }
    news[how]()
    dropped = step(ledger, 50)
    assert isinstance(dropped, decisions.Drop)
    dropped.runner.drop(dropped.cause, at(50))
    send = lending.errand(ledger, at(51))
    assert send is not None
    assert (send.to, send.news.kind, send.news.loan.runner) == (OTHER, "recalled", MINE)
    lending.sent(ledger, send, arrived=True)
    assert lending.errand(ledger, at(52)) is None


def test_a_job_makes_no_runner_while_a_borrowed_one_may_come() -> None:
    ledger = robbed()
    hears(ledger, "lent", 45)
    answered(ledger, 60)
    assert step(ledger, 60) == decisions.Wait(at(100))
    assert isinstance(step(ledger, 100), decisions.Create)


def test_a_recalled_runner_is_replaced_after_a_grace() -> None:
    ledger = robbed()
    hears(ledger, "lent", 45)
    hears(ledger, "recalled", 62)
    answered(ledger, 63)
    assert step(ledger, 63) == decisions.Wait(at(62 + GRACE))
    assert isinstance(step(ledger, 62 + GRACE), decisions.Create)


def test_a_job_that_runs_on_its_borrowed_runner_owes_and_returns_nothing() -> None:
    ledger = robbed()
    hears(ledger, "lent", 45)
    says_github(ledger, "in_progress", 50, on=THEIRS)
    assert lending.errand(ledger, at(60)) is None


def test_a_job_that_got_a_third_ones_runner_passes_the_borrowed_one_on() -> None:
    ledger = robbed()
    hears(ledger, "lent", 45)
    says_github(ledger, "in_progress", 50, on=THIRDS)
    send = lending.errand(ledger, at(50))
    assert send is not None
    assert (send.to, send.news.kind, send.news.loan.runner) == (THIRD, "lent", THEIRS)
    lending.sent(ledger, send, arrived=True)
    hears(ledger, "recalled", 55)
    recall = lending.errand(ledger, at(55))
    assert recall is not None
    assert (recall.to, recall.news.kind, recall.news.loan.runner) == (THIRD, "recalled", THEIRS)
    lending.sent(ledger, recall, arrived=True)
    assert lending.errand(ledger, at(56)) is None


@pytest.mark.parametrize("phase", ["in_progress", "completed"])
def test_a_job_that_needs_no_borrowed_runner_returns_it_to_its_owner(phase: Phase) -> None:
    ledger = robbed()
    hears(ledger, "lent", 45)
    says_github(ledger, phase, 50, on="GitHub Actions 3")
    send = lending.errand(ledger, at(50))
    assert send is not None
    assert (send.to, send.news.kind, send.news.loan.runner) == (OTHER, "returned", THEIRS)
    lending.sent(ledger, send, arrived=True)
    assert lending.errand(ledger, at(51)) is None


@pytest.mark.parametrize("facts", [{"labels": ("gpu",)}, {"place": "octo/other"}])
def test_a_runner_that_cannot_serve_the_job_goes_back(facts: dict[str, Any]) -> None:
    ledger = robbed()
    hears(ledger, "lent", 45, loan(**facts))
    answered(ledger, 60)
    send = lending.errand(ledger, at(60))
    assert send is not None
    assert send.news.kind == "returned"
    lending.sent(ledger, send, arrived=True)
    assert isinstance(step(ledger, 60), decisions.Create)


def test_labels_and_places_are_compared_without_case() -> None:
    ledger = robbed(scope=Scope(repo="Octo/Hello"))
    hears(ledger, "lent", 45, loan(labels=("RUNS-FLEET", "linux")))
    assert lending.expected(ledger) != []


def test_a_job_that_was_called_off_lends_nothing() -> None:
    ledger = thief()
    ledger.over = "released"
    assert lending.errand(ledger, at(LATER)) is None


def test_a_job_without_a_runner_of_its_own_has_nothing_to_lend() -> None:
    ledger = waiting()
    says_github(ledger, "in_progress", 3, on=THEIRS)
    assert lending.errand(ledger, at(60)) is None
    assert ledger.request.job_id == JOB
