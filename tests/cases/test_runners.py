"""Runners that end, vanish, get the wrong job, or cannot be had."""

import pytest

from runs_fleet.models import Market
from tests.cases.fleet import Fleet
from tests.lifecycles import eventually

RECLAIMED = "Server.SpotInstanceTermination"
SHUT_DOWN = "Client.InstanceInitiatedShutdown"


async def test_a_mint_whose_answer_was_lost_ends_with_one_live_registration(fleet: Fleet) -> None:
    fleet.github.lose_mint_answers = 1
    job = await fleet.queue()
    await eventually(lambda: fleet.configs.of(job.runner()))
    assert job.registered == [job.runner()]
    await job.runs()
    assert (await job.outcome()).state == "completed"
    assert len(job.machines) == 1


async def test_a_runner_that_ended_well_without_a_job_is_replaced_while_the_job_is_queued(
    fleet: Fleet,
) -> None:
    job = await fleet.queue()
    machine = await job.boots()
    await job.says("finished", outcome="no_job")
    await job.loses(machine, SHUT_DOWN)
    await job.runs(2)
    outcome = await job.outcome()
    assert [attempt.cause for attempt in outcome.attempts] == ["no_job", "job_done"]
    assert job.minted == [job.runner(1), job.runner(2)]


async def test_a_runner_that_ended_well_without_a_job_is_not_replaced_when_the_job_is_over(
    fleet: Fleet,
) -> None:
    job = await fleet.queue()
    await job.boots()
    job.ends_unheard()
    await job.says("finished", outcome="no_job")
    outcome = await job.outcome()
    assert (outcome.state, len(outcome.attempts)) == ("cancelled", 1)
    assert len(job.machines) == 1


async def test_a_machine_that_vanishes_before_pick_up_gets_a_successor_of_another_name(
    fleet: Fleet,
) -> None:
    job = await fleet.queue()
    machine = await job.boots()
    await job.loses(machine, RECLAIMED)
    await job.runs(2)
    outcome = await job.outcome()
    assert [attempt.cause for attempt in outcome.attempts] == [RECLAIMED, "job_done"]
    assert job.minted == [job.runner(1), job.runner(2)]
    assert not outcome.rerun_requested


@pytest.mark.parametrize(
    ("label", "run_attempt", "again"),
    [
        ("runs-fleet={job}/cpu=4", 1, True),
        ("runs-fleet={job}/cpu=4/rerun=false", 1, False),
        ("runs-fleet={job}/cpu=4", 2, False),
    ],
)
async def test_a_machine_that_vanishes_after_pick_up_is_reported_lost_and_run_again_by_the_rule(
    fleet: Fleet, label: str, run_attempt: int, *, again: bool
) -> None:
    job = fleet.job(label.format(job=f"lost-{run_attempt}-{again}"))
    await job.queued(run_attempt=run_attempt)
    machine = await job.boots()
    await job.in_progress(job.runner())
    await job.loses(machine, RECLAIMED)
    await job.completed(job.runner(), conclusion="failure")
    outcome = await job.outcome()
    assert [attempt.cause for attempt in outcome.attempts] == [RECLAIMED]
    assert outcome.rerun_requested is again
    assert fleet.github.reruns.count(job.job_id) == again


async def test_a_runner_that_took_another_queued_jobs_work_leaves_two_runners_in_total(
    fleet: Fleet,
) -> None:
    first = await fleet.queue("runs-fleet/cpu=4/pool=shared")
    second = await fleet.queue("runs-fleet/cpu=4/pool=shared")
    await first.boots()
    await eventually(lambda: second.machines, what="the second job's own machine")
    await second.in_progress(first.runner())
    await second.boots()
    await first.in_progress(second.runner())
    await second.completed(first.runner())
    await first.completed(second.runner())
    await first.says("finished", outcome="Succeeded")
    await second.says("finished", outcome="Succeeded")
    ends = [await first.outcome(), await second.outcome()]
    assert [end.state for end in ends] == ["completed"] * 2
    assert [end.runner for end in ends] == [second.runner(), first.runner()]
    assert len([*first.machines, *second.machines]) == 2


async def test_a_job_waits_while_the_account_is_full_and_runs_once_capacity_frees(
    fleet: Fleet,
) -> None:
    fleet.provider.full = {Market.SPOT, Market.ON_DEMAND}
    job = await fleet.queue()
    await eventually(lambda: len(job.orders) > 4)
    assert job.machines == []
    fleet.provider.full = set()
    await job.runs()
    outcome = await job.outcome()
    assert (outcome.state, len(outcome.attempts)) == ("completed", 1)
    assert len(job.machines) == 1
