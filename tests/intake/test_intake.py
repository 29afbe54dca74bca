"""Deliveries against a real Temporal server: repeats, disorder and stolen runners."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

from api.__main__ import connect
from intake.early import EarlyEvents
from intake.intake import Intake
from intake.requests import Routing
from runs_fleet import labels, names
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import JobEvent, JobRequest, Phase, Scope
from simulator.temporal import TemporalServer

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
IDS = itertools.count(70_000_000)
# No worker of this test session looks at this mode's task queue.
ROUTING = Routing(mode="k8s", backends=frozenset({"k8s"}))


class Desk:
    """An intake, and a look at what it left in Temporal."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.early = EarlyEvents()
        self.intake = Intake(ROUTING, client=client, early=self.early)
        self.jobs: list[int] = []

    def job(self, label: str = "runs-fleet/cpu=4/pool=default") -> JobQueued:
        """A queued job with an id of its own."""
        asked = labels.parse([label])
        assert asked is not None
        job_id = next(IDS)
        self.jobs.append(job_id)
        return JobQueued(
            job_id=job_id,
            run_id=11,
            run_attempt=1,
            scope=Scope(repo="octo-org/app", org="octo-org", installation_id=5),
            name="build (3.11)",
            workflow="CI",
            labels=("self-hosted", label),
            url=f"https://github.com/octo-org/app/actions/runs/11/job/{job_id}",
            queued_at=NOON,
            delivered_at=NOON,
            delivery="4d8ed510",
            asked=asked,
        )

    async def history(self, job_id: int) -> list[Any]:
        """All events of a job's workflow."""
        handle = self.client.get_workflow_handle(names.lifecycle(job_id))
        return [event async for event in handle.fetch_history_events()]

    async def signals(self, job_id: int) -> list[JobEvent]:
        """What a job's workflow was told."""
        events = await self.history(job_id)
        told = [event.workflow_execution_signaled_event_attributes for event in events]
        return [
            (await self.client.data_converter.decode(list(one.input.payloads), [JobEvent]))[0]
            for one in told
            if one.signal_name == "github_event"
        ]

    async def request(self, job_id: int) -> JobRequest:
        """What a job's workflow was started with."""
        first = (await self.history(job_id))[0].workflow_execution_started_event_attributes
        decoded = await self.client.data_converter.decode(list(first.input.payloads), [JobRequest])
        return JobRequest.model_validate(decoded[0])

    async def close(self, job_id: int) -> None:
        """End a workflow; one that never began, or has ended, is fine."""
        with suppress(RPCError):
            await self.client.get_workflow_handle(names.lifecycle(job_id)).terminate()


@pytest_asyncio.fixture
async def desk(temporal: Client) -> AsyncIterator[Desk]:
    desk = Desk(temporal)
    yield desk
    await asyncio.gather(*(desk.close(job_id) for job_id in desk.jobs))


def news(job: JobQueued, phase: Phase = "in_progress", *, runner: str | None = None) -> JobMoved:
    event = JobEvent(job_id=job.job_id, phase=phase, runner_name=runner, at=NOON)
    return JobMoved(event=event, ours=True)


async def test_a_queued_job_gets_a_workflow_that_introduces_itself(desk: Desk) -> None:
    job = desk.job()
    ack = await desk.intake.queued(job)
    assert (ack.result, ack.job) == ("started", job.job_id)
    handle = desk.client.get_workflow_handle(names.lifecycle(job.job_id))
    shown = await handle.describe()
    assert shown.task_queue == names.task_queue("k8s")
    assert await shown.static_summary() == "octo-org/app · CI / build (3.11) · pool default"
    assert job.url in str(await shown.static_details())
    assert await shown.memo_value("delivery") == "4d8ed510"
    assert await shown.memo_value("scope", type_hint=Scope) == job.scope
    assert shown.raw_info.priority.fairness_key == "octo-org"
    assert {pair.key.name: pair.value for pair in shown.typed_search_attributes} == {
        "Repo": "octo-org/app",
        "JobName": "CI / build (3.11)",
        "Pool": "default",
        "Mode": "k8s",
        "RunnerState": "placing",
    }


async def test_a_repeated_delivery_starts_nothing(desk: Desk) -> None:
    job = desk.job()
    results = [(await desk.intake.queued(job)).result for _ in range(3)]
    assert results == ["started", "known", "known"]
    assert len(await desk.history(job.job_id)) == 2


async def test_deliveries_at_the_same_moment_start_one_workflow(desk: Desk) -> None:
    job = desk.job()
    acks = await asyncio.gather(*(desk.intake.queued(job) for _ in range(10)))
    assert sorted(ack.result for ack in acks) == ["known"] * 9 + ["started"]


async def test_a_redelivery_after_the_end_starts_nothing(desk: Desk) -> None:
    job = desk.job()
    await desk.intake.queued(job)
    await desk.close(job.job_id)
    ack = await desk.intake.queued(job)
    assert (ack.result, ack.reason) == ("over", "its workflow has ended")


async def test_a_refused_label_has_a_workflow_that_says_so(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    job = desk.job("runs-fleet/cpus=4")
    ack = await desk.intake.queued(job)
    assert (ack.result, "did you mean 'cpu'" in ack.reason) == ("refused", True)
    request = await desk.request(job.job_id)
    assert (request.spec, request.refusal) == (None, ack.reason)
    assert "label refused" in caplog.text


async def test_a_backend_without_workers_is_refused(desk: Desk) -> None:
    job = desk.job("runs-fleet/backend=ec2")
    ack = await desk.intake.queued(job)
    assert ack.result == "refused"
    assert "this fleet serves k8s only" in ack.reason
    assert (await desk.request(job.job_id)).mode == "k8s"


async def test_a_job_that_moves_on_is_told(desk: Desk) -> None:
    job = desk.job()
    await desk.intake.queued(job)
    ack = await desk.intake.moved(news(job, runner=names.runner(job.job_id, 1)))
    assert ack.result == "signalled"
    assert [told.phase for told in await desk.signals(job.job_id)] == ["in_progress"]
    assert len(desk.early) == 0


async def test_a_stolen_runner_is_told_to_both_jobs(desk: Desk) -> None:
    mine, other = desk.job(), desk.job()
    await desk.intake.queued(mine)
    await desk.intake.queued(other)
    await desk.intake.moved(news(other, runner=names.runner(mine.job_id, 2)))
    assert await desk.signals(mine.job_id) == await desk.signals(other.job_id)
    assert [told.job_id for told in await desk.signals(mine.job_id)] == [other.job_id]


async def test_a_runner_of_ours_on_a_foreign_job_is_told_to_its_owner(desk: Desk) -> None:
    mine, foreign = desk.job(), desk.job()
    await desk.intake.queued(mine)
    moved = replace(news(foreign, runner=names.runner(mine.job_id, 1)), ours=False)
    assert (await desk.intake.moved(moved)).result == "signalled"
    assert [told.job_id for told in await desk.signals(mine.job_id)] == [foreign.job_id]
    assert len(desk.early) == 0


async def test_news_of_a_job_without_workflow_is_kept(desk: Desk) -> None:
    job = desk.job()
    assert (await desk.intake.moved(news(job, "completed"))).result == "unknown"
    ack = await desk.intake.queued(job)
    assert (ack.result, ack.reason) == ("over", "completed before it was asked for")
    assert (await desk.intake.moved(news(job))).result == "unknown"
    assert (await desk.intake.queued(job)).result == "over"


@pytest.mark.parametrize("conclusion", ["failure", "cancelled"])
async def test_a_job_that_failed_on_a_runner_of_ours_is_looked_into_though_it_is_over(
    desk: Desk, conclusion: str
) -> None:
    job, other = desk.job(), desk.job()
    await desk.intake.moved(news(job, runner=names.runner(other.job_id, 1)))
    over = news(job, "completed")
    event = over.event.model_copy(update={"conclusion": conclusion})
    await desk.intake.moved(replace(over, event=event))
    assert (await desk.intake.queued(job)).result == "started"
    [told] = await desk.signals(job.job_id)
    assert (told.phase, told.runner_name) == ("completed", names.runner(other.job_id, 1))


async def test_a_job_that_runs_before_it_is_queued_is_started_with_that_news(desk: Desk) -> None:
    job = desk.job()
    await desk.intake.moved(news(job, runner="somebody-elses-runner"))
    assert (await desk.intake.queued(job)).result == "started"
    told = await desk.signals(job.job_id)
    assert [(event.phase, event.runner_name) for event in told] == [
        ("in_progress", "somebody-elses-runner")
    ]
    assert (await desk.intake.queued(job)).result == "known"


async def test_news_that_overtakes_the_start_still_arrives(desk: Desk) -> None:
    job = desk.job()
    await asyncio.gather(desk.intake.queued(job), desk.intake.moved(news(job, "completed")))
    running = desk.client.get_workflow_handle(names.lifecycle(job.job_id))
    assert (await running.describe()).status is WorkflowExecutionStatus.RUNNING
    assert {told.phase for told in await desk.signals(job.job_id)} == {"completed"}


async def test_names_of_any_length_are_accepted(desk: Desk) -> None:
    strange = '"\\é🚀`[x](y)`' * 25
    job = replace(desk.job(), name=strange[:250], workflow=strange[:250], url="javascript:x")
    assert (await desk.intake.queued(job)).result == "started"


async def test_what_temporal_can_never_take_is_refused(desk: Desk) -> None:
    job = replace(desk.job(), labels=("x" * 3_000_000,))
    with pytest.raises(Refused):
        await desk.intake.queued(job)


async def test_before_temporal_is_there_everything_is_unavailable() -> None:
    intake = Intake(ROUTING)
    with pytest.raises(Unavailable, match="not connected to Temporal yet"):
        await intake.ready()


async def test_ready_asks_temporal(desk: Desk) -> None:
    await desk.intake.ready()


async def test_a_server_that_is_gone_is_unavailable() -> None:
    intake = Intake(ROUTING)
    with TemporalServer() as server:
        await connect(intake, {"target_host": server.address})
        await intake.ready()
    with pytest.raises(Unavailable, match="Temporal answered"):
        await intake.ready()
