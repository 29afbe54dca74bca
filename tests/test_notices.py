"""What people are told at GitHub, and what they are not."""

import pytest

from runs_fleet import answers, decisions, notices, redaction
from runs_fleet.answers import Failure
from runs_fleet.decisions import Done, Tell, Wait, next_step
from runs_fleet.ledger import Ledger
from runs_fleet.models import Policy
from runs_fleet.notices import Told
from tests.ledgers import JOB, THEIRS, at, running, says_github, waiting

SHA = "5c1f" * 10
AWS = (
    "create fleet: UnauthorizedOperation: User: arn:aws:sts::123456789012:assumed-role/fleet/x is"
    " not authorized in subnet-0123456789abcdef0. Encoded authorization failure message: AbC"
)


def over(state: str = "refused", reason: str = "unknown key `gpu`", **changes: object) -> Ledger:
    """A job for which no runner comes."""
    ledger = waiting(**{"head_sha": SHA, "name": "build", "workflow": "CI", **changes})
    answers.close(ledger, state, reason)
    return ledger


@pytest.mark.parametrize("state", sorted(decisions.UNSERVED))
def test_whoever_waits_in_vain_is_told_once(state: str) -> None:
    ledger = over(state)
    assert next_step(ledger, at(1)) == Tell()
    answers.told(ledger, Told(by="check_run"))
    assert next_step(ledger, at(1)) == Done()


@pytest.mark.parametrize("state", ["released", "vanished", "timed_out"])
def test_nobody_is_told_of_other_ends(state: str) -> None:
    assert next_step(over(state), at(1)) == Done()


def test_a_job_of_an_unknown_commit_is_told_of_nowhere() -> None:
    assert next_step(over(head_sha=""), at(1)) == Done()


def test_an_operator_may_keep_it_quiet() -> None:
    assert next_step(over(policy=Policy(tell=False)), at(1)) == Done()


def test_telling_does_not_wait_for_a_runner_that_works_for_another_job() -> None:
    ledger = running(head_sha=SHA)
    ledger.demand.phase = "queued"
    answers.close(ledger, "gave_up", "no runner")
    ledger.runners[0].drop("taken", at(5))
    ledger.note_kept(ledger.runners[0], at(6), busy=True)
    assert next_step(ledger, at(7)) == Tell()
    answers.told(ledger, Told(by="status"))
    assert isinstance(next_step(ledger, at(7)), Wait)


def test_that_nobody_could_be_told_is_added_to_the_reason() -> None:
    ledger = over()
    answers.told(ledger, Failure("Refused", "the App needs checks:write"))
    assert ledger.told == "nobody"
    assert ledger.reason.startswith("unknown key `gpu` (nobody was told at GitHub: the App needs")
    assert next_step(ledger, at(1)) == Done()


def test_a_job_that_found_a_runner_meanwhile_has_nothing_to_explain() -> None:
    ledger = over("gave_up", "no capacity")
    says_github(ledger, "in_progress", 3, on=THEIRS)
    answers.told(ledger, Failure("CancelledError", "stopped before it began"))
    assert (ledger.over, ledger.reason) == ("", "")


def test_a_refused_label_is_a_failure_that_says_what_to_do() -> None:
    notice = notices.write(over(label="runs-fleet/gpu=1"))
    assert (notice.conclusion, notice.name) == ("failure", "runs-fleet: build")
    assert (notice.key, notice.head_sha) == (f"job-{JOB}", SHA)
    assert "`runs-fleet/gpu=1`" in notice.text
    assert "`unknown key 'gpu'`" in notice.text
    assert "Mend the label" in notice.text
    assert f"runs-fleet jobs show {JOB}" in notice.text


def test_giving_up_is_not_held_against_the_commit() -> None:
    notice = notices.write(over("gave_up", "no runner within 20:00:00 of queueing"))
    assert notice.conclusion == "neutral"
    assert "run it again" in notice.text


def test_a_notice_keeps_the_account_that_pays_to_itself() -> None:
    notice = notices.write(over("gave_up", AWS))
    assert "UnauthorizedOperation" in notice.text
    assert all(word not in notice.text for word in ("123456789012", "arn:", "subnet-0", "AbC"))


def test_what_is_masked_leaves_ordinary_words_alone() -> None:
    words = "no instance type fits: `cpu 1000` leaves none of the 12 types (c7g.large)"
    assert redaction.public(words) == words


@pytest.mark.parametrize(
    ("url", "shown"), [("https://github.com/x", "https://github.com/x"), ("javascript:x", "")]
)
def test_only_a_web_address_is_linked(url: str, shown: str) -> None:
    assert notices.write(over(url=url)).url == shown
