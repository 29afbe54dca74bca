"""One who sweeps, what is read of a report, and jobs that wait to be found."""

import itertools
from datetime import timedelta
from typing import Any

from temporalio.client import Client

from runs_fleet.census import Part, SweepReport, SweepRequest, SweepState, WaitingJob
from runs_fleet.models import Scope
from tests.sweep.fakes import ACME, LONG_AGO
from workflows.sweep import Sweep

NUMBERS = itertools.count(1)
# Registrations and machines that the cloud has forgotten wait for it between two passes.
AGE = timedelta(milliseconds=1)


class Broom:
    """Sweeps again and again, as the schedule does."""

    def __init__(self, temporal: Client, queue: str) -> None:
        self._temporal, self.queue, self.state = temporal, queue, SweepState()

    async def sweep(self, times: int = 1, **how: Any) -> SweepReport:
        """Run one sweep after the other; returns what the last one says."""
        report = await self._once(**how)
        for _ in range(times - 1):
            report = await self._once(**how)
        return report

    async def _once(self, **how: Any) -> SweepReport:
        facts: dict[str, Any] = {"min_age": AGE, "state": self.state}
        report = await self._temporal.execute_workflow(
            Sweep.run,
            SweepRequest(**(facts | how)),
            id=f"sweep-test-{next(NUMBERS)}",
            task_queue=self.queue,
        )
        self.state = report.state
        return report


def part(report: SweepReport, name: str) -> Part:
    return next(each for each in report.parts if each.name == name)


def counts(report: SweepReport, name: str) -> tuple[int, int, int]:
    found = part(report, name)
    return found.repaired, found.kept, found.failed


def job(number: int, *, repo: Scope = ACME, **facts: Any) -> WaitingJob:
    label = ("runs-fleet/cpu=2",)
    told: dict[str, Any] = {"scope": repo, "labels": label, "queued_at": LONG_AGO}
    return WaitingJob(job_id=number, run_id=1, **(told | facts))
