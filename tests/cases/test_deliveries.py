"""What becomes of webhooks that come many times, in the wrong order, or for somebody else."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.cases.fleet import Fleet, Job


async def test_ten_parallel_identical_queued_make_one_workflow_and_one_machine(
    fleet: Fleet,
) -> None:
    job = fleet.job()
    answers = Counter(await asyncio.gather(*(job.queued() for _ in range(10))))
    assert answers.keys() <= {"started", "known"}
    assert answers["started"] <= 1
    await job.runs()
    outcome = await job.outcome()
    assert len(outcome.attempts) == len(job.machines) == len(job.minted) == 1


async def test_twenty_parallel_different_queued_make_twenty_machines(fleet: Fleet) -> None:
    jobs = [fleet.job() for _ in range(20)]
    await asyncio.gather(*(job.queued() for job in jobs))
    await asyncio.gather(*(job.runs() for job in jobs))
    outcomes = await asyncio.gather(*(job.outcome() for job in jobs))
    assert {outcome.state for outcome in outcomes} == {"completed"}
    assert [len(job.machines) for job in jobs] == [1] * 20
    assert len({machine for job in jobs for machine in job.machines}) == 20


async def test_in_progress_after_completed_changes_nothing(fleet: Fleet) -> None:
    job = await fleet.queue()
    await job.runs()
    before = await job.outcome()
    assert await job.hook("02-in_progress", runner_name=job.runner()) == "unknown"
    assert await job.outcome() == before
    assert len(job.machines) == 1


async def test_queued_after_completed_starts_nothing(fleet: Fleet) -> None:
    job = fleet.job()
    await job.completed()
    assert await job.queued() == "over"
    assert await unheard_of(job)
    assert job.orders == []


async def test_queued_after_in_progress_changes_nothing(fleet: Fleet) -> None:
    job = await fleet.queue()
    await job.boots()
    await job.in_progress(job.runner())
    assert await job.queued() == "known"
    assert (await job.heard()).timings.started is not None
    await job.completed(job.runner())
    await job.says("finished", outcome="Succeeded")
    outcome = await job.outcome()
    assert (outcome.state, outcome.runner) == ("completed", job.runner())
    assert len(job.machines) == 1


async def test_a_job_behind_a_gate_gets_nothing_until_it_is_queued_and_then_exactly_one(
    fleet: Fleet,
) -> None:
    job = fleet.job()
    assert await job.hook("09-queued-but-status-waiting") == "ignored"
    assert await job.hook("10-waiting") == "ignored"
    assert await unheard_of(job)
    assert await job.queued() == "started"
    assert await job.queued() == "known"
    await job.runs()
    await job.outcome()
    assert len(job.machines) == len(job.minted) == 1


async def test_waiting_after_queued_takes_nothing_back(fleet: Fleet) -> None:
    job = await fleet.queue()
    assert await job.hook("10-waiting") == "ignored"
    assert await job.hook("09-queued-but-status-waiting") == "ignored"
    await job.runs()
    assert (await job.outcome()).state == "completed"
    assert len(job.machines) == 1


async def test_a_job_that_a_hosted_runner_has_is_ignored(fleet: Fleet) -> None:
    job = fleet.job("ubuntu-latest")
    facts = {"runner_name": "GitHub Actions 12", "runner_group_name": "GitHub Actions"}
    assert await job.hook("02-in_progress", **facts) == "ignored"
    assert await unheard_of(job)


async def test_one_queued_among_five_repeated_completed_of_earlier_jobs_makes_one_runner(
    fleet: Fleet,
) -> None:
    earlier = [await finished(fleet) for _ in range(2)]
    job = fleet.job()
    repeats = [one.hook("03-completed-success") for one in [*earlier, *earlier, earlier[0]]]
    answers = await asyncio.gather(job.queued(), *repeats)
    assert answers == ["started", *["unknown"] * 5]
    await job.runs()
    await job.outcome()
    assert [len(one.machines) for one in [*earlier, job]] == [1, 1, 1]


async def test_a_job_without_labels_is_none_of_ours(fleet: Fleet) -> None:
    job = fleet.job()
    names = ("01-queued", "02-in_progress", "03-completed-success")
    answers = [await job.hook(name, labels=[]) for name in names]
    assert answers == ["ignored"] * 3
    assert await unheard_of(job)


async def test_completed_twice_without_any_runner_does_nothing(fleet: Fleet) -> None:
    job = fleet.job()
    assert [await job.completed(), await job.completed()] == ["unknown"] * 2
    assert await unheard_of(job)


async def test_skipped_without_queued_is_ignored(fleet: Fleet) -> None:
    job = fleet.job()
    assert await job.hook("06-skipped-no-queued") == "unknown"
    assert await unheard_of(job)


@pytest.mark.parametrize("action", ["created", "completed", "rerequested"])
async def test_check_runs_are_acknowledged_and_ignored(fleet: Fleet, action: str) -> None:
    payload = {"action": action, "check_run": {"id": 1, "status": "queued"}}
    answer = await fleet.deliver(payload, event="check_run")
    assert (answer.status_code, answer.json()["result"]) == (200, "ignored")


@pytest.mark.parametrize(
    "labels",
    [
        ("RUNS-FLEET={name}/CPU=2",),
        ("self-hosted", "Runs-Fleet={name}/cpu=2"),
        ("Self-Hosted", "Linux", "X64", "runs-fleet={name}/Cpu=2"),
    ],
)
async def test_labels_match_in_any_case_and_are_registered_as_given(
    fleet: Fleet, labels: tuple[str, ...]
) -> None:
    named = tuple(label.format(name=f"Case-{len(labels)}") for label in labels)
    job = await fleet.queue(*named)
    await job.runs()
    assert (await job.outcome()).state == "completed"
    assert fleet.github.labels[job.runner()] == named


async def test_a_redelivery_after_the_end_starts_nothing(fleet: Fleet) -> None:
    job = await finished(fleet)
    assert await job.queued() == "over"
    assert len(job.machines) == 1


async def test_a_redelivery_after_the_end_and_after_retention_gets_no_machine(
    fleet: Fleet,
) -> None:
    # To Temporal, which has deleted its workflow, it is as a job that was never heard of.
    job = fleet.job()
    job.created_at -= timedelta(days=4)
    job.ends_unheard(conclusion="success")
    assert await job.queued() == "started"
    outcome = await job.outcome()
    assert (outcome.state, outcome.conclusion, outcome.attempts) == ("completed", "success", ())
    assert job.orders == []


async def finished(fleet: Fleet) -> Job:
    """A job that has run to its end."""
    job = await fleet.queue()
    await job.runs()
    await job.outcome()
    return job


async def unheard_of(job: Job) -> bool:
    """Tell whether there is no workflow of a job."""
    try:
        await job.handle.describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False
