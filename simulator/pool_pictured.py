"""The pool of docs/pictures/pool.png: two jobs have members, and the rest is warm."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from runs_fleet import names
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PoolOperation
from simulator.aws.models import Levers
from simulator.burst import RUN
from simulator.github.plans import JobPlan, RunPlan
from simulator.world import Plan, World

POOL = "default"
POOLS = f"""\
pools:
  - name: {POOL}
    mode: ec2
    spec: {{arch: arm64, cpu: 4}}
    targets: {{hot: 2, stopped: 2}}
    max: 8
    weights: {{acme/shop: 2}}
    schedule:
      time_zone: Europe/Berlin
      windows:
        - {{days: sat-sun, start: 00:00, end: 24:00, targets: {{stopped: 1}}}}
"""
QUICK = Levers(boot_seconds=1.0, boot_spread=0.2, stop_seconds=0.5)
SECONDS, PATIENCE, LOOK = 120, 90.0, 0.5


@contextmanager
def pooled() -> Iterator[World]:
    """Start a world whose pool is warm, and has given two members away."""
    with tempfile.TemporaryDirectory(prefix="runs-fleet-picture-") as folder:
        file = Path(folder) / "pools.yaml"
        file.write_text(POOLS)
        env = {"RUNS_FLEET_POOLS": str(file)}
        with World(Plan(ui=True, levers=QUICK, env=env)) as world:
            asyncio.run(_busy(world))
            yield world


async def _busy(world: World) -> None:
    client = await Client.connect(world.temporal.address, data_converter=pydantic_data_converter)
    pool = client.get_workflow_handle(names.pool("ec2", POOL))
    await _until(pool, {"free": 2, "stopped": 2})
    asked = PoolOperation(kind="resize", by="ada@ops", reason="release day", targets={"hot": 3})
    await pool.execute_update("operate", asked)
    await _until(pool, {"free": 3, "stopped": 2})
    label = f"{RUN}/pool={POOL}/cpu=4/arch=arm64"
    stages = (f"deploy ({stage})" for stage in ("dev", "live"))
    jobs = tuple(JobPlan(name=stage, labels=(label,), seconds=SECONDS) for stage in stages)
    plan = RunPlan(repo="acme/shop", workflow="Deploy", jobs=jobs)
    await asyncio.to_thread(world.github.create_run, plan)
    await _until(pool, {"claimed": len(jobs), "free": 3, "stopped": 2})


async def _until(pool: WorkflowHandle[object, object], wanted: dict[str, int]) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if await _phases(pool) == wanted:
                return
            await asyncio.sleep(LOOK)


async def _phases(pool: WorkflowHandle[object, object]) -> dict[str, int]:
    try:
        told: PoolStatus = await pool.query("status", result_type=PoolStatus)
    except RPCError:
        return {}  # Its worker has not begun it.
    return dict(Counter(member.phase for member in told.members))
