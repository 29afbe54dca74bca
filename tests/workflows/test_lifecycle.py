"""The ordinary life of a job, and the ways in which it ends otherwise."""

import pytest
from temporalio.client import Client, WorkflowFailureError

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.models import Market, RunnerSpec
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import Start, eventually


async def test_a_job_gets_a_runner_and_the_runner_goes_with_it(
    start: Start, provider: MemoryProvider, github: MemoryGitHub, configs: MemoryConfigs
) -> None:
    job = await start()
    await job.runs_to_its_end()
    outcome = await job.outcome()
    assert (outcome.state, outcome.conclusion) == ("completed", "success")
    assert outcome.runner == job.runner()
    assert [attempt.cause for attempt in outcome.attempts] == ["job_done"]
    assert len(provider.made) == 1
    assert github.deleted == [], "GitHub removes the registration of a runner that ran its job"


async def test_a_normal_job_stays_within_its_budget(
    start: Start, configs: MemoryConfigs, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_agent("started")
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.says_agent("finished", outcome="Succeeded")
    await job.outcome()
    history = await job.handle.fetch_history()
    assert len(history.events) <= 50
    assert len(github.minted) + len(github.deleted) + len(github.asked) <= 2


async def test_no_secret_is_in_the_history(start: Start, configs: MemoryConfigs) -> None:
    job = await start()
    await job.runs_to_its_end()
    await job.outcome()
    history = (await job.handle.fetch_history()).to_json()
    assert "secret-jit-config" not in history
    assert "s" * 32 not in history


async def test_a_refused_label_is_a_finished_lifecycle(
    start: Start, provider: MemoryProvider
) -> None:
    job = await start(refusal="unknown key 'gpu'", spec=None)
    outcome = await job.outcome()
    assert (outcome.state, outcome.reason) == ("refused", "unknown key 'gpu'")
    assert provider.orders == []


async def test_without_spot_capacity_the_ladder_ends_on_demand(
    start: Start, provider: MemoryProvider
) -> None:
    provider.full = {Market.SPOT}
    job = await start()
    await eventually(lambda: provider.made)
    await job.runs_to_its_end()
    outcome = await job.outcome()
    assert outcome.machine is not None
    assert outcome.machine.market == Market.ON_DEMAND
    assert len({order.token for order in provider.orders}) == len(provider.orders)


async def test_a_job_waits_for_capacity_and_then_runs(
    start: Start, provider: MemoryProvider
) -> None:
    provider.full = {Market.SPOT, Market.ON_DEMAND}
    job = await start()
    await eventually(lambda: len(provider.orders) > 6)
    provider.full = set()
    await eventually(lambda: provider.made)
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"
    assert {order.attempt for order in provider.orders} == {1}


async def test_a_refused_order_ends_with_its_reason(start: Start, provider: MemoryProvider) -> None:
    provider.errors.append(Refused("no instance type has 1000 cpu"))
    outcome = await (await start()).outcome()
    assert (outcome.state, outcome.reason) == ("gave_up", "no instance type has 1000 cpu")


async def test_a_lost_create_answer_makes_no_second_machine(
    start: Start, provider: MemoryProvider
) -> None:
    provider.lose_answers = 1
    job = await start()
    await eventually(lambda: len(provider.orders) == 2)
    await job.runs_to_its_end()
    await job.outcome()
    assert len(provider.made) == 1


async def test_a_lost_mint_answer_leaves_one_registration(
    start: Start, github: MemoryGitHub, configs: MemoryConfigs
) -> None:
    github.lose_mint_answers = 1
    job = await start()
    await eventually(lambda: configs.held)
    assert len(github.runners) == 1
    await job.runs_to_its_end()
    await job.outcome()


async def test_a_refused_mint_ends_with_its_reason(start: Start, github: MemoryGitHub) -> None:
    github.mint_errors.append(Refused("the app may not register runners"))
    outcome = await (await start()).outcome()
    assert (outcome.state, outcome.reason) == ("gave_up", "the app may not register runners")


@pytest.mark.parametrize("spot", [True, False])
async def test_a_rerun_job_buys_on_demand(
    start: Start, provider: MemoryProvider, *, spot: bool
) -> None:
    job = await start(run_attempt=2, spec=RunnerSpec(spot=spot))
    await eventually(lambda: provider.made)
    await job.runs_to_its_end()
    await job.outcome()
    assert {order.rung.market for order in provider.orders} == {Market.ON_DEMAND}


async def test_an_operators_cancel_takes_even_a_busy_runner(
    start: Start, provider: MemoryProvider, github: MemoryGitHub
) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await job.outcome()
    assert provider.alive == []
    github.forget(job.runner())


async def test_the_list_shows_where_a_job_stands(start: Start, temporal: Client) -> None:
    job = await start()

    async def shown() -> dict[str, object]:
        told = await temporal.get_workflow_handle(job.handle.id).describe()
        found = {pair.key.name: pair.value for pair in told.typed_search_attributes}
        return found if found["RunnerState"] == "booting" else {}

    assert (await eventually(shown))["MachineType"] == "c7g.xlarge"
    await job.runs_to_its_end()
    await job.outcome()


async def test_a_create_that_nobody_answers_is_tried_again(
    start: Start, provider: MemoryProvider
) -> None:
    provider.errors.append(Unavailable("HTTP 500"))
    job = await start()
    await eventually(lambda: provider.made)
    await job.runs_to_its_end()
    assert (await job.outcome()).state == "completed"
