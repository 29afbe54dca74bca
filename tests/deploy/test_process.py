"""Worker processes of two builds in a whole world, the old one told to end in a burst."""

import asyncio
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from runs_fleet.names import task_queue
from simulator.accounts import settle
from simulator.aws.models import Levers
from simulator.github.plans import JobPlan, RunPlan
from simulator.world import Plan, World
from tests.deploy.builds import routed, said
from tests.e2e.fleet import LABEL, OPEN, Fleet
from tests.lifecycles import eventually
from worker import serving

pytestmark = pytest.mark.e2e
JOBS = 12
CALM = Levers(boot_seconds=0.2, boot_spread=0.1)
HASTE = {"RUNS_FLEET_FINISH_GRACE": "2s", "RUNS_FLEET_BUSY_LOOK": "1s"}


@pytest_asyncio.fixture
async def fleet() -> AsyncIterator[Fleet]:
    """A world whose one worker is build 1."""
    plan = Plan(levers=CALM, workers=0, env=HASTE)
    world = await asyncio.to_thread(World(plan).__enter__)
    try:
        yield await Fleet.of(world)
    finally:
        await asyncio.to_thread(world.__exit__, None, None, None)


@pytest.mark.timeout(300)
async def test_a_build_drained_in_a_burst_loses_and_doubles_nothing(fleet: Fleet) -> None:
    old = started(fleet, "1")
    await made_current(fleet, "1")
    burst = tuple(JobPlan(name=f"job {n}", labels=(LABEL,), seconds=3) for n in range(JOBS))
    jobs = fleet.github.create_run(RunPlan(jobs=burst)).jobs
    await fleet.until(lambda: len(fleet.aws.machines()) >= JOBS // 4, what="a begun burst")
    started(fleet, "2")
    await made_current(fleet, "2")
    more = fleet.github.create_run(RunPlan(jobs=burst)).jobs
    outcomes = [await fleet.outcome(job) for job in jobs]
    await drained(fleet, "1")
    told = time.monotonic()
    old.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(old.wait, serving.GRACE.total_seconds() + 15) == 0
    assert time.monotonic() - told < serving.GRACE.total_seconds()
    outcomes += [await fleet.outcome(job) for job in more]
    assert Counter(outcome.state for outcome in outcomes) == {"completed": 2 * JOBS}
    await fleet.settled()
    accounts = settle(fleet.world, (*jobs, *more), refused=set())
    assert (accounts.completed, accounts.lost, accounts.duplicates) == (2 * JOBS, 0, 0)


async def test_a_worker_shows_that_it_serves_while_it_does(fleet: Fleet, tmp_path: Path) -> None:
    shown = tmp_path / "serving"
    fleet.world.plan.env = {**HASTE, "RUNS_FLEET_READY_FILE": str(shown)}
    worker = fleet.world.start_worker()
    await eventually(shown.exists, what="a worker that serves")
    worker.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.wait, serving.GRACE.total_seconds() + 15) == 0
    assert not shown.exists()


async def test_a_worker_that_is_refused_shows_nothing(fleet: Fleet, tmp_path: Path) -> None:
    shown = tmp_path / "serving"
    shown.write_text("left by a process that was killed")
    nowhere = {"RUNS_FLEET_EC2_SUBNETS": "subnet-0000000000000000f"}
    fleet.world.plan.env = {**HASTE, **nowhere, "RUNS_FLEET_READY_FILE": str(shown)}
    fleet.world.start_worker()
    log = fleet.world.home / "worker.log"
    await eventually(lambda: "waiting for " in log.read_text(), what="a worker that waits")
    assert not shown.exists()


def started(fleet: Fleet, build: str) -> subprocess.Popen[bytes]:
    """Start a worker of this build."""
    fleet.world.plan.env = {**HASTE, serving.BUILD: build}
    return fleet.world.start_worker()


async def made_current(fleet: Fleet, build: str) -> None:
    """Do what docs/operations.md says, as soon as the server knows the build."""
    names = ["--deployment-name", serving.DEFAULT_DEPLOYMENT, "--build-id", build]
    order = ["worker", "deployment", "set-current-version", "--yes", *names]
    await eventually(lambda: said(fleet.world.temporal.address, *order))
    # A job that begins before may yet go to the last build, after that had nothing left to do.
    await routed(fleet.temporal, task_queue("ec2"), serving.DEFAULT_DEPLOYMENT, build)


async def drained(fleet: Fleet, build: str) -> None:
    """Wait until no job is left that only this build can end."""
    version = f'TemporalWorkerDeploymentVersion="{serving.DEFAULT_DEPLOYMENT}:{build}"'

    async def idle() -> bool:
        return not (await fleet.temporal.count_workflows(f"{version} AND {OPEN}")).count

    await eventually(idle, what=f"the end of build {build}'s jobs", look=0.2)
