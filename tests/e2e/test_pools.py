"""Warm pools from `pools.yaml` to the last machine gone, with the real agent on each machine."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle

from runs_fleet import names
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation
from simulator.aws.models import Levers, MachineRecord
from simulator.world import World
from tests.e2e.fleet import Fleet
from tests.e2e.pooled import left_empty, pooled
from tests.lifecycles import eventually
from workflows.pool_manager import PoolManager

POOLS = """\
pools:
  - name: warm
    mode: ec2
    spec: {cpu: 2}
    targets: {hot: 1, stopped: 1}
    max: 4
  - name: ears
    mode: ec2
    spec: {cpu: 2}
    targets: {listening: 1}
    max: 2
    listening: {repository: acme/app, organization: acme, label: runs-fleet/cpu=2/pool=ears}
"""
WARM, EARS = "runs-fleet=${{ github.run_id }}/cpu=2/pool=warm", "runs-fleet/cpu=2/pool=ears"
MEMBER = "runs-fleet:member"
MOST = 4

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
Manager = WorkflowHandle[PoolManager, None]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with pools, whose idle registrations GitHub keeps."""
    levers = Levers(boot_seconds=0.2, boot_spread=0.1, stop_seconds=0.3)
    with pooled(POOLS, home=tmp_path_factory.mktemp("pools"), levers=levers) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def fleet(world: World) -> AsyncIterator[Fleet]:
    """The fleet; at its end the pools are cancelled, and must leave nothing behind."""
    async with left_empty(world) as fleet:
        yield fleet


def pool(fleet: Fleet, name: str) -> Manager:
    return fleet.temporal.get_workflow_handle_for(PoolManager.run, names.pool("ec2", name))


async def filled(fleet: Fleet, name: str, **counts: int) -> PoolStatus:
    """Wait until a pool has so many members in these phases."""

    async def status() -> PoolStatus | None:
        told: PoolStatus = await pool(fleet, name).query(PoolManager.status)
        phases = [member.phase for member in told.members]
        return told if all(phases.count(phase) >= n for phase, n in counts.items()) else None

    await fleet.until(lambda: fleet.aws.machines(), what="a pool's first machine")
    found: PoolStatus = await eventually(status)
    return found


def of_pools(fleet: Fleet) -> list[MachineRecord]:
    """List the machines of pools that are there."""
    made = [each for each in fleet.aws.machines() if MEMBER in each.tags]
    return [each for each in made if each.state != "terminated"]


async def test_jobs_get_what_is_warm_first_and_the_rest_is_bought(fleet: Fleet) -> None:
    before = await filled(fleet, "warm", free=1, stopped=1)
    warm = {member.machine_id for member in before.members}
    jobs = [fleet.send(label=WARM, seconds=1.0) for _ in range(3)]
    outcomes = [await fleet.ended(job_id) for job_id in jobs]
    assert [outcome.state for outcome in outcomes] == ["completed"] * 3
    used = [each.machine.machine_id for each in outcomes if each.machine]
    assert len(set(used)) == len(jobs)
    assert warm <= set(used)


async def test_what_was_taken_is_replaced_and_no_machine_serves_twice(fleet: Fleet) -> None:
    first = await filled(fleet, "warm", free=1)
    job_id = fleet.send(label=WARM, seconds=0.5)
    outcome = await fleet.ended(job_id)
    assert outcome.machine is not None
    second = await filled(fleet, "warm", free=1, stopped=1)
    assert outcome.machine.machine_id in {member.machine_id for member in first.members}
    assert outcome.machine.machine_id not in {
        member.machine_id for member in second.members if member.phase in ("free", "stopped")
    }
    assert len(of_pools(fleet)) <= MOST + 2


async def test_a_listening_machine_takes_the_job_and_none_is_made_for_it(fleet: Fleet) -> None:
    await fleet.ended(fleet.send(seconds=0.1))
    # This GitHub knows no organization before its first job, and refused to register anybody.
    again = PoolOperation(kind="resume", by="a test")
    await pool(fleet, "ears").execute_update(PoolManager.operate, again)
    await filled(fleet, "ears", listening=1)
    job_id = fleet.send(label=EARS, seconds=0.5)
    outcome = await fleet.ended(job_id)
    assert names.pool_of(outcome.runner) is not None
    assert fleet.machines(job_id) == []
    assert outcome.machine is not None
