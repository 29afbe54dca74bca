"""What GitHub says of jobs, made up for tests."""

from datetime import UTC, datetime
from typing import Any

from runs_fleet import labels
from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import JobEvent, Phase, Scope

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def queued(job_id: int = 7, *, label: str = "runs-fleet/cpu=4/ram=16", **facts: Any) -> JobQueued:
    """A job that waits."""
    asked = labels.parse([label])
    assert asked is not None
    usual: dict[str, Any] = {
        "run_id": 11,
        "run_attempt": 2,
        "scope": Scope(repo="octo-org/app", org="octo-org", installation_id=5),
        "name": "build",
        "workflow": "CI",
        "labels": ("self-hosted", label),
        "url": f"https://github.com/octo-org/app/actions/runs/11/job/{job_id}",
        "queued_at": NOON,
        "delivered_at": NOON,
        "delivery": "4d8ed510",
    }
    return JobQueued(job_id=job_id, asked=asked, **(usual | facts))


def moved(job_id: int = 7, phase: Phase = "completed", *, ours: bool = True) -> JobMoved:
    """A job that moves on."""
    event = JobEvent(job_id=job_id, phase=phase, conclusion="success", at=NOON)
    return JobMoved(event=event, ours=ours)
