"""The schedule of the sweep, and an operator's own sweeps."""

import io
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from rich.console import Console
from temporalio.client import Client, ScheduleIntervalSpec, ScheduleOverlapPolicy
from temporalio.service import RPCError

from runs_fleet import names
from runs_fleet.census import Part, SweepReport, SweepRequest
from runs_fleet.hooks import Hook
from tests.sweep.fakes import Outside
from tests.sweep.worlds import serving, swept
from worker import broom, schedules

DAY = timedelta(days=1)
REQUEST = SweepRequest(min_age=timedelta(milliseconds=1))


@pytest_asyncio.fixture
async def unscheduled(temporal: Client) -> AsyncIterator[Client]:
    """Temporal without our schedule, before and after."""
    yield temporal
    with suppress(RPCError):
        await temporal.get_schedule_handle(names.sweep("ec2")).delete()


@pytest_asyncio.fixture
async def worker(unscheduled: Client, outside: Outside) -> AsyncIterator[Client]:
    """A worker of EC2 mode that sweeps a world in memory."""
    async with serving(unscheduled, names.task_queue("ec2"), swept(outside)):
        yield unscheduled


async def test_the_schedule_is_made_and_follows_the_settings(unscheduled: Client) -> None:
    await schedules.ensure(unscheduled, REQUEST, DAY)
    handle = unscheduled.get_schedule_handle("sweep-ec2")
    await handle.pause(note="an operator's")
    await schedules.ensure(unscheduled, REQUEST, 2 * DAY)
    found = (await handle.describe()).schedule
    assert found.spec.intervals == [ScheduleIntervalSpec(every=2 * DAY)]
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert found.policy.catchup_window == timedelta(minutes=1)
    assert found.state.paused


async def test_without_an_interval_there_is_no_schedule(unscheduled: Client) -> None:
    await schedules.ensure(unscheduled, REQUEST, DAY)
    await schedules.keep(unscheduled, REQUEST, None)
    await schedules.ensure(unscheduled, REQUEST, None)
    with pytest.raises(RPCError, match="not found"):
        await unscheduled.get_schedule_handle("sweep-ec2").describe()


async def test_an_operator_can_have_it_swept_at_once(worker: Client, outside: Outside) -> None:
    outside.machine(7, state="closed")
    await schedules.ensure(worker, REQUEST, DAY)
    await broom.swept(worker, "ec2")
    report = await broom.swept(worker, "ec2")
    assert not report.dry_run
    assert outside.alive == {}


async def test_a_rehearsal_knows_what_the_last_sweep_has_seen(
    worker: Client, outside: Outside
) -> None:
    machine = outside.machine(7, state="closed")
    hooks = (Hook(), Hook(kind="org", target="acme", hook_id=5))
    await schedules.ensure(worker, REQUEST.model_copy(update={"hooks": hooks}), DAY)
    assert counts(await broom.rehearsed(worker, "ec2")) == 0
    await broom.swept(worker, "ec2")
    assert counts(await broom.rehearsed(worker, "ec2")) == 1
    assert machine in outside.alive
    assert outside.asked["deliveries org:acme:5"] == 3


async def test_a_rehearsal_needs_no_schedule(worker: Client) -> None:
    assert (await broom.rehearsed(worker, "ec2")).dry_run


async def test_without_a_schedule_nothing_can_be_swept(worker: Client) -> None:
    with pytest.raises(broom.NotSwept, match="RUNS_FLEET_SWEEP_INTERVAL"):
        await broom.swept(worker, "ec2")


def counts(report: SweepReport) -> int:
    return next(part.repaired for part in report.parts if part.name == "machines")


def test_what_was_done_is_told_in_a_table() -> None:
    now = datetime.now(UTC)
    parts = (
        Part(name="machines", looked=3, repaired=1, actions=("remove i-1",), last_success=now),
        Part(name="queued", failed=1, error="no permission"),
    )
    written = io.StringIO()
    console = Console(file=written, width=120, color_system=None)
    broom.show(SweepReport(at=now, dry_run=True, parts=parts), console)
    told = written.getvalue()
    assert "would repair" in told
    assert "0 s ago" in told
    assert "no permission" in told
    assert "machines: remove i-1" in told
