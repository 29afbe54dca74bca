"""A job that GitHub cancels leaves nothing behind, whatever was under way."""

import pytest
from temporalio.client import WorkflowFailureError

from runs_fleet.errors import Unavailable
from tests.fakes import MemoryGitHub, MemoryProvider
from tests.lifecycles import Job, Start, eventually


async def test_before_capacity_was_found(start: Start, provider: MemoryProvider) -> None:
    provider.errors.extend(Unavailable("HTTP 500") for _ in range(50))
    job = await start()
    await eventually(lambda: provider.orders)
    await job.says_github("completed", conclusion="cancelled")
    assert (await job.outcome()).state == "cancelled"
    assert provider.made == {}


async def test_during_create(start: Start, provider: MemoryProvider) -> None:
    provider.gate.clear()
    job = await start()
    await eventually(provider.entered.is_set)
    await job.says_github("completed", conclusion="cancelled")
    # Held open after the cancel: let go at once, even wrong code would pass.
    await is_heard(job)
    provider.gate.set()
    assert (await job.outcome()).state == "cancelled"
    assert len(provider.made) == 1


async def test_by_an_operator_during_create(start: Start, provider: MemoryProvider) -> None:
    provider.gate.clear()
    job = await start()
    await eventually(provider.entered.is_set)
    await job.handle.cancel()
    await is_heard(job)
    provider.gate.set()
    with pytest.raises(WorkflowFailureError):
        await job.outcome()
    assert len(provider.made) == 1


async def test_by_an_operator_while_its_create_is_being_stopped(
    start: Start, provider: MemoryProvider
) -> None:
    provider.gate.clear()
    job = await start()
    await eventually(provider.entered.is_set)
    await job.says_github("completed", conclusion="cancelled")
    await is_heard(job)
    await job.handle.cancel()
    await is_heard(job)
    provider.gate.set()
    with pytest.raises(WorkflowFailureError):
        await job.outcome()
    assert len(provider.made) == 1


async def test_during_the_mint(start: Start, github: MemoryGitHub) -> None:
    github.gate.clear()
    job = await start()
    await eventually(github.minting.is_set)
    await job.says_github("completed", conclusion="cancelled")
    await is_heard(job)
    github.gate.set()
    assert (await job.outcome()).state == "cancelled"
    assert len(github.minted) == 1


async def test_after_the_mint(start: Start, github: MemoryGitHub) -> None:
    job = await start()
    await eventually(lambda: github.minted)
    await job.says_github("completed", conclusion="cancelled")
    assert (await job.outcome()).state == "cancelled"


async def test_while_it_runs(start: Start) -> None:
    job = await start()
    await job.boots()
    await job.says_github("in_progress", on=job.runner())
    await job.says_github("completed", on=job.runner(), conclusion="cancelled")
    await job.says_agent("finished", outcome="Canceled")
    outcome = await job.outcome()
    assert (outcome.state, outcome.conclusion) == ("completed", "cancelled")


async def is_heard(job: Job) -> None:
    """Wait until the worker has taken in what was said last: a query is answered after it."""
    await job.handle.query("progress")
