"""What a lifecycle makes of GitHub's moods, without any GitHub."""

from datetime import timedelta

import pytest

from runs_fleet import answers
from runs_fleet.answers import Failure
from runs_fleet.decisions import Create, End, next_step
from runs_fleet.judging import judge
from runs_fleet.ledger import Ledger
from tests.ledgers import answered, at, booting, made, waiting

LIMITED = Failure("RateLimited", "slow down", timedelta(minutes=30))


def ended(*causes: str) -> Ledger:
    """A job whose runners have all gone, for these causes."""
    ledger = waiting()
    for number, cause in enumerate(causes):
        runner = made(ledger, number)
        runner.drop(cause, at(number))
        runner.gone_at = at(number)
    answered(ledger, len(causes))
    return ledger


@pytest.mark.parametrize(
    ("causes", "over"),
    [
        (["outdated"] * 2, False),
        (["outdated"] * 3, True),
        (["outdated", "outdated", "no_job"], False),
        (["outdated", "taken", "outdated", "outdated"], False),
        (["no_job", "outdated", "outdated", "outdated"], True),
    ],
)
def test_three_outdated_runners_in_a_row_end_it(causes: list[str], *, over: bool) -> None:
    assert isinstance(next_step(ended(*causes), at(60)), End) is over


def test_no_machine_is_bought_before_github_registers_runners_again() -> None:
    ledger = booting()
    answers.registered(ledger, ledger.runners[0], LIMITED, at(1))
    ledger.runners[0].drop("not_registered", at(1))
    ledger.runners[0].gone_at = at(2)
    answered(ledger, 20)
    assert not isinstance(next_step(ledger, at(60)), Create)
    answered(ledger, 1700)
    assert not isinstance(next_step(ledger, at(1800)), Create)
    assert isinstance(next_step(ledger, at(1801)), Create)


@pytest.mark.parametrize(("runner_id", "cause"), [(None, "not_registered"), (1, "boot_timeout")])
def test_a_machine_without_an_identity_is_not_blamed(runner_id: int | None, cause: str) -> None:
    ledger = booting()
    ledger.runners[0].runner_id = runner_id
    assert judge(ledger, ledger.runners[0], at(600)) == cause


@pytest.mark.parametrize(("seconds", "asks"), [(1, False), (60, True)])
def test_only_after_a_doubtful_mint_is_github_asked_before_the_machine_goes(
    seconds: int, *, asks: bool
) -> None:
    ledger = booting()
    answers.registered(ledger, ledger.runners[0], Failure("Refused", "no such App"), at(seconds))
    assert ledger.over == "gave_up"
    assert ledger.runners[0].registering is asks
