"""Who starts a pool's job claims for it, and tells it when there is nobody to claim from."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from intake.intake import Intake
from intake.requests import Routing
from runs_fleet import names
from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import JobEvent, JobRequest, Policy, RunnerSpec
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PoolAnswer, PoolClaim
from tests.intake.events import queued
from tests.lifecycles import eventually
from workflows.pool_manager import PoolManager

NOW = datetime.now(UTC)
# No worker of this test session looks at this mode's task queue.
ROUTING = Routing(
    mode="k8s",
    backends=frozenset({"k8s"}),
    policy=Policy(pool_patience=timedelta(seconds=10)),
)
Told = TypeVar("Told")


class Door:
    """An intake, a pool that nobody serves, and what both were told."""

    def __init__(self, client: Client, pool: str) -> None:
        self.client, self.pool = client, pool
        self.intake = Intake(ROUTING, client=client)
        self.jobs: list[int] = []

    def job(self, pool: str | None = None, *, delay: timedelta = timedelta()) -> JobQueued:
        """Think of a job of the pool, or of another one."""
        label = f"runs-fleet/cpu=4/pool={pool or self.pool}"
        self.jobs.append(uuid4().int >> 75)
        return queued(self.jobs[-1], label=label, queued_at=NOW - delay, delivered_at=NOW)

    async def claims(self) -> Sequence[PoolClaim]:
        """Tell what the pool was asked."""
        return await self._told(names.pool("k8s", self.pool), "claim", PoolClaim)

    async def answers(self, job: JobQueued) -> Sequence[PoolAnswer]:
        """Tell what a job's lifecycle was answered."""
        return await self._told(names.lifecycle(job.job_id), "pool", PoolAnswer)

    async def request(self, job: JobQueued) -> JobRequest:
        """Read what a job's lifecycle was started with."""
        history = await self._handle(names.lifecycle(job.job_id)).fetch_history()
        first = history.events[0].workflow_execution_started_event_attributes
        [request] = await self.client.data_converter.decode(first.input.payloads, [JobRequest])
        return JobRequest.model_validate(request)

    async def _told(self, workflow_id: str, signal: str, kind: type[Told]) -> list[Told]:
        history = await self._handle(workflow_id).fetch_history()
        events = [each.workflow_execution_signaled_event_attributes for each in history.events]
        return [
            (await self.client.data_converter.decode(each.input.payloads, [kind]))[0]
            for each in events
            if each.signal_name == signal
        ]

    def _handle(self, workflow_id: str) -> WorkflowHandle[object, object]:
        return self.client.get_workflow_handle(workflow_id)


@pytest_asyncio.fixture
async def door(temporal: Client) -> AsyncIterator[Door]:
    door = Door(temporal, f"p{uuid4().hex[:12]}")
    keeper = await temporal.start_workflow(
        PoolManager.run,
        PoolState(definition=PoolDefinition(name=door.pool, mode="k8s", spec=RunnerSpec(), max=1)),
        id=names.pool("k8s", door.pool),
        task_queue=names.task_queue("k8s"),
    )
    yield door
    await keeper.terminate()
    for job_id in door.jobs:
        await temporal.get_workflow_handle(names.lifecycle(job_id)).terminate()


async def test_a_pools_job_is_claimed_for_as_it_starts(door: Door) -> None:
    job = door.job()
    assert (await door.intake.queued(job)).result == "started"
    [claim] = await eventually(door.claims)
    assert (claim.job_id, claim.attempt) == (job.job_id, 1)
    assert (claim.runner, claim.repo) == (names.runner(job.job_id, 1), "octo-org/app")
    assert claim.label == job.asked.label
    assert (await door.request(job)).claimed
    assert await door.answers(job) == []


async def test_a_start_whose_answer_was_lost_is_claimed_for_by_its_repeat(door: Door) -> None:
    job = door.job()
    await door.intake.queued(job)
    assert (await door.intake.queued(job)).result == "known"

    async def both() -> bool:
        return len(await door.claims()) == 2

    await eventually(both)


async def test_a_job_of_a_pool_that_nobody_keeps_is_told_so(door: Door) -> None:
    job = door.job("nobodys")
    await door.intake.queued(job)
    [answer] = await eventually(lambda: door.answers(job))
    assert (answer.kind, answer.job_id, answer.attempt) == ("absent", job.job_id, 1)


async def test_nobody_claims_for_a_job_that_is_asked_about_first_or_has_a_runner(
    door: Door,
) -> None:
    late, running = door.job(delay=timedelta(minutes=5)), door.job()
    event = JobEvent(job_id=running.job_id, phase="in_progress", runner_name="x", at=NOW)
    await door.intake.moved(JobMoved(event=event, ours=True))
    for job in (late, running):
        assert (await door.intake.queued(job)).result == "started"
        assert not (await door.request(job)).claimed
    prompt = door.job()
    await door.intake.queued(prompt)
    assert [each.job_id for each in await eventually(door.claims)] == [prompt.job_id]
