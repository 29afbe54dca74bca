"""A worker that dies while EC2 launches several machines for it at once."""

import pytest

from simulator.aws.models import Fault
from simulator.github.plans import JobPlan, RunPlan
from tests.e2e.fleet import LABEL, Fleet

pytestmark = pytest.mark.e2e
JOBS = 8
# Longer than it takes to kill the worker: its calls are answered to nobody.
HELD = 5.0
PATIENCE = 100.0


@pytest.mark.timeout(300)
async def test_machines_launched_for_a_worker_that_died_are_found_by_the_next(
    fleet: Fleet,
) -> None:
    fleet.aws.fault(Fault(action="CreateFleet", kind="delay", seconds=HELD, times=JOBS))
    burst = tuple(JobPlan(name=f"job {n}", labels=(LABEL,), seconds=0.5) for n in range(JOBS))
    jobs = fleet.github.create_run(RunPlan(jobs=burst)).jobs
    await fleet.until(lambda: launched(fleet, jobs) > JOBS // 2, what="the machines")
    fleet.world.kill_workers()
    fleet.aws.calm()
    fleet.world.start_worker()

    await fleet.until(lambda: concluded(fleet, jobs) == JOBS, patience=PATIENCE, what="the end")
    outcomes = [await fleet.handle(job_id).result() for job_id in jobs]
    assert [outcome.state for outcome in outcomes] == ["completed"] * JOBS
    await fleet.settled()
    made = [machine.machine_id for job_id in jobs for machine in fleet.machines(job_id)]
    used = [each.machine for outcome in outcomes for each in outcome.attempts]
    assert sorted(made) == sorted(machine.machine_id for machine in used if machine)


def launched(fleet: Fleet, jobs: tuple[int, ...]) -> int:
    """Count the machines that exist for these jobs."""
    return sum(len(fleet.machines(job_id)) for job_id in jobs)


def concluded(fleet: Fleet, jobs: tuple[int, ...]) -> int:
    """Count the jobs that GitHub has concluded."""
    known = fleet.github.books(deliveries=False).jobs
    return sum(1 for job in known if job.id in jobs and job.status == "completed")
