"""Lifecycles as a sweep sees them, on a real Temporal server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from runs_fleet import names
from runs_fleet.census import RollCall
from runs_fleet.models import JobRequest, MachineEvent, Scope
from runs_fleet.pools.abandoned import Keepers
from runs_fleet.sweep_ports import Lifecycles
from tests.fakes import MemoryProvider
from tests.lifecycles import Start, eventually, request
from worker.lifecycles import TemporalLifecycles
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

LATELY = RollCall(mode="ec2", since=datetime.now(UTC) - timedelta(minutes=5))
GONE = MachineEvent(machine_id="i-1", kind="gone", cause="lost", at=datetime.now(UTC))
NEVER_WAS = 8_888_888


@pytest.fixture
def lifecycles(temporal: Client) -> TemporalLifecycles:
    return TemporalLifecycles(temporal)


async def opened(temporal: Client, asked: JobRequest, **more: Any) -> WorkflowHandle[Any, Any]:
    """Start a lifecycle that no worker serves."""
    return await temporal.start_workflow(
        RunnerLifecycle.run,
        asked,
        id=names.lifecycle(asked.job_id),
        task_queue="nobody",
        search_attributes=attributes.at_start(asked),
        **more,
    )


def test_the_adapter_is_the_port(lifecycles: TemporalLifecycles) -> None:
    port: Lifecycles = lifecycles
    assert port is lifecycles


async def test_states_are_told_for_sure(temporal: Client, lifecycles: TemporalLifecycles) -> None:
    open_one, closed_one = request(), request()
    handle = await opened(temporal, open_one)
    await (await opened(temporal, closed_one)).terminate()
    wanted = {open_one.job_id: "open", closed_one.job_id: "closed", NEVER_WAS: "absent"}
    assert await lifecycles.states(wanted.keys()) == wanted
    await handle.terminate()


async def test_whether_a_pool_has_a_keeper_is_told_for_sure(
    temporal: Client, lifecycles: TemporalLifecycles
) -> None:
    port: Keepers = lifecycles
    kept = f"kept-{request().job_id}"
    handle = await temporal.start_workflow(
        "PoolManager", id=names.pool("ec2", kept), task_queue="nobody"
    )
    assert await port.keepers("ec2", [kept, "nobody-s"]) == {kept: "open", "nobody-s": "absent"}
    await handle.terminate()
    assert await port.keepers("ec2", [kept]) == {kept: "closed"}


async def test_the_roll_shows_open_ones_and_recent_scopes(
    temporal: Client, lifecycles: TemporalLifecycles
) -> None:
    scope = Scope(repo="rolled/app", org="rolled", installation_id=3)
    asked, bare = request(scope=scope), request(scope=Scope(repo="rolled/bare"))
    first = await opened(temporal, asked, memo={"scope": scope})
    second = await opened(temporal, bare)

    async def shown() -> bool:
        roll = await lifecycles.roll(LATELY)
        there = {asked.job_id, bare.job_id} <= roll.machines.keys()
        return there and scope in roll.scopes and bare.scope in roll.scopes

    await eventually(shown)
    await first.terminate()
    await second.terminate()


async def test_the_roll_is_of_one_mode(temporal: Client, lifecycles: TemporalLifecycles) -> None:
    asked = request(mode="k8s", scope=Scope(repo="rolled/elsewhere"))
    handle = await opened(temporal, asked)
    other = LATELY.model_copy(update={"mode": "k8s"})

    async def shown() -> bool:
        return asked.job_id in (await lifecycles.roll(other)).machines

    await eventually(shown)
    roll = await lifecycles.roll(LATELY)
    assert asked.job_id not in roll.machines
    assert asked.scope not in roll.scopes
    await handle.terminate()


async def test_the_roll_knows_the_machine_and_its_owner_all_attempts(
    start: Start, lifecycles: TemporalLifecycles, provider: MemoryProvider
) -> None:
    job = await start()
    machine_id = str(await job.boots())

    async def shown() -> bool:
        roll = await lifecycles.roll(LATELY)
        return roll.machines.get(int(job.job_id)) == machine_id

    await eventually(shown)
    outcome = await lifecycles.progress(job.job_id)
    assert outcome is not None
    assert [each.machine and each.machine.machine_id for each in outcome.attempts] == [machine_id]
    assert await lifecycles.tell(job.job_id, GONE)
    await job.says_github("in_progress", on=job.runner())
    await job.says_github("completed", on=job.runner(), conclusion="success")
    await job.says_agent("finished", outcome="Succeeded")
    await job.outcome()
    assert await lifecycles.progress(job.job_id) is None
    assert not await lifecycles.tell(job.job_id, GONE)


async def test_who_never_was_cannot_be_told(lifecycles: TemporalLifecycles) -> None:
    assert await lifecycles.progress(NEVER_WAS) is None
    assert not await lifecycles.tell(NEVER_WAS, GONE)
