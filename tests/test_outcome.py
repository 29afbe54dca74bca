"""What a lifecycle leaves behind when it ends."""

import pytest

from runs_fleet import story
from tests.ledgers import (
    MINE,
    OTHER,
    at,
    idle,
    made,
    running,
    says_cloud,
    says_github,
    waiting,
)


def test_an_ordinary_outcome_has_its_timings_and_its_cost() -> None:
    ledger = running()
    says_github(ledger, "completed", 90, conclusion="success")
    ledger.runners[0].drop("job_done", at(95))
    ledger.runners[0].gone_at = at(100)
    told = story.outcome(ledger, at(101))
    times = told.timings
    assert (told.state, told.conclusion, told.runner) == ("completed", "success", MINE)
    assert (times.placed, times.started, times.released) == (at(0), at(40), at(101))
    assert told.cost == pytest.approx(0.01)


def test_a_job_without_a_machine_has_no_known_cost() -> None:
    assert story.outcome(waiting(), at(10)).cost is None


def test_the_outcome_names_each_attempts_end() -> None:
    ledger = idle()
    says_github(ledger, "in_progress", 40, job_id=OTHER)
    ledger.runners[0].drop("taken", at(40))
    made(ledger, 50)
    says_cloud(ledger, 60, attempt=2, cause="Server.SpotInstanceTermination")
    ledger.runners[1].drop(ledger.runners[1].lost, at(60))
    told = story.outcome(ledger, at(100))
    assert [(each.cause, each.served_job) for each in told.attempts] == [
        ("taken", OTHER),
        ("Server.SpotInstanceTermination", None),
    ]
