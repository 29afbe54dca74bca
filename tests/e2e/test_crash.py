"""A worker that dies without a word, in the middle of everything."""

from collections import Counter

import pytest

from simulator.accounts import settle
from simulator.github.plans import JobPlan, RunPlan
from tests.e2e.fleet import LABEL, Fleet

pytestmark = pytest.mark.e2e
JOBS = 30
# A call that was under way when the worker died is tried again after 15 seconds.
PATIENCE = 100.0


@pytest.mark.timeout(300)
async def test_a_worker_killed_in_a_burst_loses_and_doubles_nothing(fleet: Fleet) -> None:
    first = queue(fleet, JOBS // 2)
    await fleet.until(lambda: begun(fleet, first) >= JOBS // 6, what="the middle of the burst")
    # One shared call may make all the machines that are asked for: some are asked for only now.
    jobs = first + queue(fleet, JOBS - len(first))
    fleet.world.kill_workers()
    fleet.world.start_worker()

    await fleet.until(lambda: ended(fleet, jobs) == JOBS, patience=PATIENCE, what="the end")
    outcomes = [await fleet.handle(job_id).result() for job_id in jobs]
    assert Counter(outcome.state for outcome in outcomes) == {"completed": JOBS}
    await fleet.settled()

    accounts = settle(fleet.world, jobs, refused=set())
    assert (accounts.completed, accounts.lost, accounts.duplicates) == (JOBS, 0, 0)
    machines = [one for job_id in jobs for one in fleet.machines(job_id)]
    runners = [machine.runner for machine in machines]
    attempts = {attempt.runner for outcome in outcomes for attempt in outcome.attempts}
    assert len(set(runners)) == len(runners)
    assert set(runners) <= attempts


def queue(fleet: Fleet, number: int) -> tuple[int, ...]:
    """Queue jobs at GitHub, all at once."""
    burst = tuple(JobPlan(name=f"job {n}", labels=(LABEL,), seconds=1) for n in range(number))
    return fleet.github.create_run(RunPlan(jobs=burst)).jobs


def begun(fleet: Fleet, jobs: tuple[int, ...]) -> int:
    """Count the jobs that have a machine."""
    runners = {machine.runner for machine in fleet.aws.machines()}
    return len(runners & {f"runs-fleet-{job_id}-1" for job_id in jobs})


def ended(fleet: Fleet, jobs: tuple[int, ...]) -> int:
    """Count the jobs that GitHub has concluded."""
    known = fleet.github.books(deliveries=False).jobs
    return sum(1 for job in known if job.id in jobs and job.status == "completed")
