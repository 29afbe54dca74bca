"""One world and one Temporal client, with words for what the scenarios do and look at."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from runs_fleet import names
from runs_fleet.outcomes import JobOutcome
from simulator.accounts import orphans
from simulator.aws.models import MachineRecord
from simulator.github.books import DeliveryRecord, JobRecord, RunnerRecord
from simulator.github.plans import JobPlan, RunPlan
from simulator.world import World
from tests.lifecycles import eventually
from workflows.runner_lifecycle import RunnerLifecycle

# The run's id in the label keeps a test's runners from the jobs of others.
RUN = "runs-fleet=${{ github.run_id }}"
LABEL = f"{RUN}/cpu=2"
PATIENCE = 90.0
LOOK = 0.05
POOLS = (f"e2e-{number}" for number in itertools.count(1))
OPEN = 'WorkflowType="RunnerLifecycle" AND ExecutionStatus="Running"'
Handle = WorkflowHandle[RunnerLifecycle, JobOutcome]


class Fleet:
    """The fleet in its world."""

    def __init__(self, world: World, temporal: Client) -> None:
        self.world, self.temporal = world, temporal
        self.github, self.aws = world.github, world.aws

    @classmethod
    async def of(cls, world: World) -> "Fleet":
        """Connect to a world's Temporal server."""
        client = await Client.connect(
            world.temporal.address, data_converter=pydantic_data_converter
        )
        return cls(world, client)

    def send(self, *, label: str = LABEL, **job: Any) -> int:
        """Queue one job at GitHub."""
        plan = JobPlan.model_validate({"labels": (label,), **job})
        return self.github.create_run(RunPlan(jobs=(plan,))).jobs[0]

    def handle(self, job_id: int) -> Handle:
        """Hold the lifecycle of a job."""
        return self.temporal.get_workflow_handle_for(RunnerLifecycle.run, names.lifecycle(job_id))

    async def outcome(self, job_id: int) -> JobOutcome:
        """Wait for the end of a job's lifecycle, which may not have begun yet."""
        await self.until(lambda: self.machines(job_id) or self.job(job_id).status == "completed")
        return await asyncio.wait_for(self.handle(job_id).result(), PATIENCE)

    async def ended(self, job_id: int, *, patience: float = PATIENCE) -> JobOutcome:
        """Wait until GitHub has concluded a job, and its lifecycle is over."""
        await self.until(
            lambda: self.job(job_id).status == "completed", what="the job's end", patience=patience
        )
        return await asyncio.wait_for(self.handle(job_id).result(), patience)

    def job(self, job_id: int) -> JobRecord:
        """Read what GitHub knows of a job."""
        return self.github.books(deliveries=False).job(job_id)

    def rerun(self, job_id: int) -> int | None:
        """Find the job that GitHub made of a job's re-run."""
        jobs, run_id = self.github.books(deliveries=False).jobs, self.job(job_id).run_id
        return next((job.id for job in jobs if (job.run_id, job.run_attempt) == (run_id, 2)), None)

    def machines(self, job_id: int) -> list[MachineRecord]:
        """List the machines that were ever made for a job, oldest first."""
        return [m for m in self.aws.machines() if _owner(m.runner) == job_id]

    def registrations(self, job_id: int) -> list[RunnerRecord]:
        """List the runners that were ever registered for a job."""
        runners = self.github.books(deliveries=False).runners
        return [runner for runner in runners if _owner(runner.name) == job_id]

    def deliveries(self, job_id: int, action: str) -> list[DeliveryRecord]:
        """List the deliveries of one of a job's events."""
        told = self.github.books().deliveries
        return [one for one in told if (one.job_id, one.action) == (job_id, action)]

    async def until(
        self, holds: Callable[[], Any], *, what: str = "it", patience: float = PATIENCE
    ) -> Any:
        """Look until something is true, and give back what it was."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + patience
        while not (value := await asyncio.to_thread(holds)):
            assert clock() < deadline, f"{what} never came true; see {self.world.home}"
            await asyncio.sleep(LOOK)
        return value

    async def running(self, job_id: int) -> MachineRecord:
        """Wait until a job runs, and give back the machine it runs on."""
        await self.until(lambda: self.job(job_id).status == "in_progress", what="a running job")
        return self.machines(job_id)[-1]

    async def open_lifecycles(self) -> int:
        """Count the lifecycles that are not over."""
        return (await self.temporal.count_workflows(OPEN)).count

    async def settled(self) -> None:
        """Wait until no lifecycle is open and nothing of any runner is left."""
        await self.until(lambda: not self.left(), what="the end of all runners")

        async def over() -> bool:
            return not await self.open_lifecycles()

        await eventually(over, what="the end of all lifecycles", look=LOOK)

    def left(self) -> int:
        """Count machines, registrations and parameters that still exist."""
        return orphans(self.world, self.github.books(deliveries=False)).total


def _owner(runner: str | None) -> int | None:
    owner = names.owner(runner)
    return owner[0] if owner else None
