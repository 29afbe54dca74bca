"""A job's page tells what happened, in words, in the order of time."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from runs_fleet import glossary, story
from runs_fleet.ledger import Ledger
from runs_fleet.models import (
    JobEvent,
    JobRequest,
    Machine,
    Phase,
    RunnerReport,
    RunnerSpec,
    Scope,
)

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
JOB, OTHER = 7, 8


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def says(job_id: int, phase: Phase, *, runner: str, second: float) -> JobEvent:
    conclusion = "success" if phase == "completed" else None
    return JobEvent(
        job_id=job_id, phase=phase, conclusion=conclusion, runner_name=runner, at=at(second)
    )


@pytest.fixture
def ledger() -> Ledger:
    request = JobRequest(
        job_id=JOB,
        run_id=1,
        scope=Scope(repo="acme/shop"),
        name="test](http://evil)",
        workflow="CI",
        labels=("runs-fleet",),
        label="runs-fleet",
        spec=RunnerSpec(),
        url="https://github.com/acme/shop/actions/runs/1/job/7",
        queued_at=START,
        delivered_at=START,
    )
    return Ledger(request, begun_at=START)


@pytest.fixture
def taken(ledger: Ledger) -> Ledger:
    """The first runner went to another job; the second served this one."""
    first = ledger.next_runner(at(0))
    ledger.note_machine_made(first, Machine(machine_id="i-1", machine_type="c7g.large"), at(1))
    ledger.note_github(says(OTHER, "in_progress", runner=first.name, second=5), at(5))
    first.drop("taken", at(6))
    second = ledger.next_runner(at(16))
    ledger.note_machine_made(second, Machine(machine_id="i-2", machine_type="c8g.large"), at(17))
    ledger.note_github(says(JOB, "in_progress", runner=second.name, second=20), at(20))
    return ledger


def test_a_page_begins_with_where_the_job_stands(taken: Ledger) -> None:
    page = story.details(taken)
    assert page.startswith("## running\n\nRuns on `runs-fleet-7-2`, its own runner.")


def test_a_concluded_job_says_how(taken: Ledger) -> None:
    taken.note_github(says(JOB, "completed", runner="runs-fleet-7-2", second=30), at(30))
    assert story.details(taken).startswith("## completed: success\n\nRan on `runs-fleet-7-2`")


def test_a_job_on_anothers_runner_says_so(ledger: Ledger) -> None:
    ledger.note_github(says(JOB, "in_progress", runner="runs-fleet-8-1", second=3), at(3))
    assert "`runs-fleet-8-1`, a runner made for another job" in story.details(ledger)


def test_each_attempt_is_told_in_the_order_of_time(taken: Ledger) -> None:
    first = story.details(taken).split("**Attempt 1**")[1].split("**Attempt 2**")[0]
    times = re.findall(r"^- (\d\d:\d\d:\d\d)", first, re.MULTILINE)
    assert times == sorted(times)
    assert "09:00:06 let go of: GitHub gave it another job (`taken`)" in first


def test_a_time_of_waiting_is_counted_from_the_queue(taken: Ledger) -> None:
    assert "started 09:00:20 (after 20.0 s)" in story.details(taken)


def test_what_people_name_their_jobs_cannot_break_the_link(ledger: Ledger) -> None:
    assert "[acme/shop · CI / test(http://evil)](https://github.com/" in story.details(ledger)


def test_what_an_agent_says_is_quoted_on_one_line(taken: Ledger) -> None:
    words = "`# look`\n[here](http://evil)"
    taken.note_report(
        RunnerReport(runner="runs-fleet-7-2", kind="failed", at=at(21), detail=words), at(21)
    )
    assert "- last word: `'# look' [here](http://evil)`" in story.details(taken)


def test_a_providers_own_code_speaks_for_itself() -> None:
    code = "Server.SpotInstanceTermination"
    assert glossary.cause(code) == f"`{code}`"


def test_a_new_job_has_a_page(ledger: Ledger) -> None:
    assert story.details(ledger).startswith("## placing\n\nLooking for a machine.")
