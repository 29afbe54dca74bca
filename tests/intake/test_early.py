"""News of jobs that nobody has asked a runner for yet."""

from datetime import UTC, datetime, timedelta

import pytest

from intake.early import EarlyEvents
from runs_fleet.models import JobEvent, Phase
from tests.intake.clock import Clock


def event(phase: Phase, job_id: int = 7) -> JobEvent:
    return JobEvent(job_id=job_id, phase=phase, at=datetime(2026, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("first", "second"), [("in_progress", "completed"), ("completed", "in_progress")]
)
def test_only_the_furthest_phase_counts(first: Phase, second: Phase) -> None:
    early = EarlyEvents()
    early.note(event(first))
    early.note(event(second))
    assert early.of(7) == event("completed")


def test_news_is_forgotten_after_its_life() -> None:
    clock = Clock()
    early = EarlyEvents(life=timedelta(hours=1), clock=clock)
    early.note(event("completed"))
    clock.now = 3599
    assert early.of(7) is not None
    clock.now = 3600
    assert early.of(7) is None


def test_the_oldest_news_gives_way_to_newer() -> None:
    early = EarlyEvents(most=2)
    early.note(event("completed", 1))
    early.note(event("completed", 2))
    early.note(event("completed", 1))
    early.note(event("completed", 3))
    assert [early.of(job_id) is not None for job_id in (1, 2, 3)] == [True, False, True]


def test_what_a_workflow_knows_is_dropped() -> None:
    early = EarlyEvents()
    early.note(event("completed"))
    early.forget(7)
    early.forget(7)
    assert len(early) == 0
