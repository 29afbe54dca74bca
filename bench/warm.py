"""A world with warm pools to be measured: how full they are, and what became of jobs."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from bench import traffic
from runs_fleet import names
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation
from simulator.aws.models import Levers, MachineRecord
from simulator.github.plans import JobPlan, RunPlan
from simulator.world import Plan, World

FILL = 400.0


@contextmanager
def warm_world(pools: str, levers: Levers) -> Iterator[World]:
    """Start a world whose worker keeps the pools of this file, with real agents."""
    with tempfile.TemporaryDirectory(prefix="runs-fleet-pools-") as folder:
        file = Path(folder) / "pools.yaml"
        file.write_text(pools)
        env = {"RUNS_FLEET_POOLS": str(file)}
        with World(Plan(env=env, levers=levers, github=traffic.AT_ONCE)) as world:
            yield world


def send(world: World, label: str, *, count: int = 1, seconds: float = 0.1) -> list[int]:
    """Send jobs of one label at once."""
    jobs = tuple(
        JobPlan(name=f"test ({n})", labels=(label,), seconds=seconds) for n in range(count)
    )
    return list(world.github.create_run(RunPlan(jobs=jobs)).jobs)


def concluded(world: World, jobs: Sequence[int], *, patience: float = FILL) -> None:
    """Wait until GitHub has concluded jobs, and every lifecycle is over."""
    wanted = set(jobs)

    def unfinished() -> set[int]:
        return wanted & {job.id for job in world.github.books(deliveries=False).unfinished}

    traffic.until(unfinished, patience=patience)
    traffic.until(lambda: traffic.open_lifecycles(world), patience=patience)


def filled(world: World, pool: str, phase: str, count: int) -> None:
    """Wait until a pool has so many members in a phase, and none on the way."""

    def lacking() -> str:
        told = asyncio.run(_status(world, pool))
        phases = Counter(member.phase for member in told.members) if told else Counter[str]()
        return "" if phases == {phase: count} else f"{pool}: {dict(phases)}"

    traffic.until(lacking, patience=FILL)


def resume(world: World, pool: str) -> None:
    """End a pool's rest after something that failed."""

    async def ask() -> None:
        asked = PoolOperation(kind="resume", by="benchmark")
        await (await _manager(world, pool)).execute_update("operate", asked)

    asyncio.run(ask())


def started(machines: Iterable[MachineRecord], jobs: Iterable[int]) -> dict[int, float]:
    """Tell when EC2 was told to start the stopped machine of each job, in Unix time."""
    wanted, found = set(jobs), dict[int, float]()
    for machine in machines:
        job, _ = names.owner(machine.runner) or (0, 0)
        starts = [at for state, at in machine.times if state == "pending"][1:]
        if job in wanted and starts:
            found[job] = min(starts[0], found.get(job, starts[0]))
    return found


async def _status(world: World, pool: str) -> PoolStatus | None:
    handle = await _manager(world, pool)
    try:
        told: PoolStatus = await handle.query("status", result_type=PoolStatus)
    except RPCError:
        # Its worker has not begun it.
        return None
    return told


async def _manager(world: World, pool: str) -> WorkflowHandle[object, object]:
    address, converter = world.temporal.address, pydantic_data_converter
    client = await Client.connect(address, data_converter=converter)
    return client.get_workflow_handle(names.pool("ec2", pool))
