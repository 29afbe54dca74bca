"""A job cancelled at any moment, by a webhook that names no runner, leaves nothing behind."""

from runs_fleet.models import Market
from tests.cases.fleet import Fleet
from tests.lifecycles import eventually


async def test_cancelled_before_create(fleet: Fleet) -> None:
    fleet.provider.full = {Market.SPOT, Market.ON_DEMAND}
    job = await fleet.queue()
    await eventually(lambda: job.orders)
    assert await job.cancelled() == "signalled"
    assert (await job.outcome()).state == "cancelled"
    assert (job.machines, job.minted) == ([], [])


async def test_cancelled_during_create(fleet: Fleet) -> None:
    fleet.provider.gate.clear()
    job = await fleet.queue()
    await eventually(lambda: job.orders)
    await job.cancelled()
    # Held open after the cancel: let go at once, even wrong code would pass.
    await job.heard()
    fleet.provider.gate.set()
    assert (await job.outcome()).state == "cancelled"
    assert job.left == []


async def test_cancelled_during_the_jit_call(fleet: Fleet) -> None:
    fleet.github.gate.clear()
    fleet.github.minting.clear()
    job = await fleet.queue()
    await eventually(fleet.github.minting.is_set)
    await job.cancelled()
    await job.heard()
    # Held open for the time of another life: let go sooner, wrong code would pass now and then.
    await cancelled_in_vain(fleet)
    fleet.github.gate.set()
    assert (await job.outcome()).state == "cancelled"
    assert len(job.machines) == len(job.minted) == 1
    assert job.left == []


async def test_cancelled_after_create(fleet: Fleet) -> None:
    job = await fleet.queue()
    await eventually(lambda: fleet.configs.of(job.runner()))
    await job.cancelled()
    assert (await job.outcome()).state == "cancelled"
    assert len(job.machines) == len(job.minted) == 1
    assert job.left == []


async def test_cancelled_while_running(fleet: Fleet) -> None:
    job = await fleet.queue()
    await job.boots()
    await job.in_progress(job.runner())
    await job.cancelled()
    fleet.github.forget(job.runner())
    await job.says("finished", outcome="Canceled")
    outcome = await job.outcome()
    assert (outcome.state, outcome.conclusion) == ("completed", "cancelled")
    assert len(job.machines) == len(job.minted) == 1
    assert job.left == []


async def cancelled_in_vain(fleet: Fleet) -> None:
    """Let another job wait for a machine, and end without one."""
    fleet.provider.full = {Market.SPOT, Market.ON_DEMAND}
    other = await fleet.queue()
    await eventually(lambda: other.orders)
    await other.cancelled()
    assert (await other.outcome()).state == "cancelled"
    fleet.provider.full = set()
