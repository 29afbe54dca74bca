"""Runners taken by other jobs, machines taken by the cloud, and boots that lead nowhere."""

from datetime import UTC, datetime, timedelta

import pytest

from runs_fleet.models import JobEvent, Market, RunnerSpec
from tests.fakes import MemoryGitHub, MemoryProvider
from tests.lifecycles import QUICK, Job, Start, eventually

HASTY = QUICK.model_copy(
    update={
        "boot_timeout": timedelta(milliseconds=400),
        "pickup_timeout": timedelta(milliseconds=400),
    }
)
PATIENT = QUICK.model_copy(update={"theft_grace": timedelta(seconds=2)})


async def test_a_stolen_runner_is_replaced_and_the_thief_left_alone(
    start: Start, provider: MemoryProvider, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner(1), job_id=77)
    await job.boots(2)
    assert github.deleted == []
    assert len(provider.alive) == 2
    await job.says_github("in_progress", on=job.runner(2))
    await job.says_github("completed", on=job.runner(1), job_id=77, conclusion="success")
    await job.says_github("completed", on=job.runner(2), conclusion="success")
    outcome = await job.outcome()
    assert [(a.cause, a.served_job) for a in outcome.attempts] == [
        ("taken", 77),
        ("job_done", job.job_id),
    ]


async def test_two_jobs_that_swap_runners_need_two_runners(
    start: Start, provider: MemoryProvider
) -> None:
    first, second = await start(), await start()
    await first.boots()
    await second.boots()
    await both_hear(first, second, on=first.runner(), of=second)
    await both_hear(first, second, on=second.runner(), of=first)
    for job, runner in ((first, second.runner()), (second, first.runner())):
        for ear in (first, second):
            await ear.says_github("completed", on=runner, job_id=job.job_id, conclusion="success")
    assert (await first.outcome()).state == "completed"
    assert (await second.outcome()).state == "completed"
    assert len(provider.made) == 2


async def test_a_runner_that_never_boots_is_replaced(
    start: Start, provider: MemoryProvider
) -> None:
    job = await start(policy=HASTY)
    await eventually(lambda: len(provider.made) == 2)
    await job.runs_to_its_end(2)
    assert (await job.outcome()).attempts[0].cause == "boot_timeout"


async def test_a_runner_that_gets_no_job_is_replaced(
    start: Start, provider: MemoryProvider
) -> None:
    job = await start(policy=HASTY)
    await job.boots()
    await eventually(lambda: len(provider.made) == 2)
    await job.runs_to_its_end(2)
    assert (await job.outcome()).attempts[0].cause == "no_pickup"


async def test_a_job_that_runs_though_nobody_said_so_is_found_by_asking(
    start: Start, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    github.set_job(
        job.job_id,
        JobEvent(
            job_id=job.job_id,
            phase="completed",
            conclusion="success",
            runner_name=job.runner(),
            at=datetime.now(UTC),
        ),
    )
    github.forget(job.runner())
    await job.says_agent("started")
    await job.says_agent("finished", outcome="Succeeded")
    assert (await job.outcome()).conclusion == "success"


@pytest.mark.parametrize("outcome", ["no_job", "registration_lost", "broken", "outdated"])
async def test_a_runner_that_ended_without_a_job_is_replaced(start: Start, outcome: str) -> None:
    job = await start()
    await job.boots()
    await job.says_agent("finished", outcome=outcome)
    await job.runs_to_its_end(2)
    assert (await job.outcome()).attempts[0].cause == outcome


async def test_a_machine_lost_before_the_job_is_replaced_at_once(
    start: Start, provider: MemoryProvider
) -> None:
    job = await start()
    machine_id = await job.boots()
    await job.says_cloud(machine_id, "Server.SpotInstanceTermination")
    await job.runs_to_its_end(2)
    outcome = await job.outcome()
    assert outcome.attempts[0].cause == "Server.SpotInstanceTermination"
    assert not outcome.rerun_requested


@pytest.mark.parametrize(
    ("spec", "attempt", "asked"),
    [
        (RunnerSpec(), 1, True),
        (RunnerSpec(rerun=False), 1, False),
        (RunnerSpec(), 2, False),
    ],
)
async def test_a_job_lost_with_its_machine_is_run_again_once(
    start: Start, github: MemoryGitHub, *, spec: RunnerSpec, attempt: int, asked: bool
) -> None:
    job = await start(spec=spec, run_attempt=attempt)
    machine_id = await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_cloud(machine_id, "Server.SpotInstanceTermination")
    await job.says_github("completed", on=job.runner(), conclusion="failure")
    outcome = await job.outcome()
    assert outcome.rerun_requested is asked
    assert github.reruns == [job.job_id] * asked


@pytest.mark.parametrize("taken", [True, False])
async def test_a_job_lost_on_another_jobs_runner_is_run_again_too(
    start: Start, github: MemoryGitHub, provider: MemoryProvider, *, taken: bool
) -> None:
    owner, job = await start(), await start()
    machine_id = await owner.boots()
    await job.boots()
    provider.taken |= {machine_id} if taken else set()
    await both_hear(owner, job, on=owner.runner(), of=job)
    await owner.says_cloud(machine_id, "Server.SpotInstanceTermination", taken=taken)
    for ear in (owner, job):
        await ear.says_github(
            "completed", on=owner.runner(), job_id=job.job_id, conclusion="failure"
        )
    await both_hear(owner, job, on=job.runner(), of=owner)
    for ear in (owner, job):
        await ear.says_github(
            "completed", on=job.runner(), job_id=owner.job_id, conclusion="success"
        )
    assert (await job.outcome()).rerun_requested is taken
    assert github.reruns == [job.job_id] * taken
    assert (await owner.outcome()).state == "completed"


async def test_a_job_whose_runner_was_taken_gets_the_runner_of_the_job_that_took_it(
    start: Start, provider: MemoryProvider
) -> None:
    owner, job = await start(policy=PATIENT), await start(policy=PATIENT)
    await owner.boots()
    await job.boots()
    await both_hear(owner, job, on=owner.runner(), of=job)
    for ear in (owner, job):
        await ear.says_github(
            "completed", on=owner.runner(), job_id=job.job_id, conclusion="success"
        )
    await eventually(lambda: owner.waits_for(job.runner()))
    await both_hear(owner, job, on=job.runner(), of=owner)
    for ear in (owner, job):
        await ear.says_github(
            "completed", on=job.runner(), job_id=owner.job_id, conclusion="success"
        )
    assert (await owner.outcome()).runner == job.runner()
    assert (await job.outcome()).runner == owner.runner()
    assert len(provider.made) == 2


async def test_a_busy_runner_is_kept_until_it_is_not(
    start: Start, provider: MemoryProvider, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    github.busy.add(job.runner())
    await job.says_github("completed", conclusion="cancelled")
    await eventually(lambda: job.runner() in github.runners)
    assert len(provider.alive) == 1
    github.busy.discard(job.runner())
    assert (await job.outcome()).state == "cancelled"


async def test_the_maximum_runtime_ends_even_a_busy_runner(
    start: Start, github: MemoryGitHub, provider: MemoryProvider
) -> None:
    brief = QUICK.model_copy(update={"max_runtime": timedelta(seconds=1)})
    job = await start(policy=brief)
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    assert (await job.outcome()).state == "timed_out"
    assert provider.alive == []
    github.forget(job.runner())


async def test_a_late_job_that_github_does_not_know_yet_is_served(
    start: Start, github: MemoryGitHub
) -> None:
    github.all_forgotten = True
    job = await start(queued_at=datetime.now(UTC) - timedelta(hours=30))
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"


async def test_a_job_that_nobody_can_serve_is_given_up(
    start: Start, provider: MemoryProvider
) -> None:
    provider.full = {Market.SPOT, Market.ON_DEMAND}
    job = await start(policy=QUICK.model_copy(update={"max_wait": timedelta(seconds=1)}))
    outcome = await job.outcome()
    assert (outcome.state, outcome.conclusion) == ("gave_up", None)
    assert "0:00:01" in outcome.reason


async def test_a_late_job_that_is_over_gets_no_machine(
    start: Start, provider: MemoryProvider, github: MemoryGitHub
) -> None:
    github.all_over = True
    job = await start(queued_at=datetime.now(UTC) - timedelta(minutes=10))
    assert (await job.outcome()).state == "completed"
    assert provider.orders == []


async def both_hear(first: Job, second: Job, *, on: str, of: Job) -> None:
    """GitHub's word that a job runs on another job's runner goes to both lifecycles."""
    await first.says_github("in_progress", on=on, job_id=of.job_id)
    await second.says_github("in_progress", on=on, job_id=of.job_id)
