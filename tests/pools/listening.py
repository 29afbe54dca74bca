"""A pool whose members listen, and how one of them comes to."""

from datetime import timedelta
from typing import Any

from runs_fleet import names
from runs_fleet.models import Scope
from runs_fleet.pools.definition import Listening, Targets
from tests.lifecycles import eventually
from tests.pools.managing import Pool, Ports
from tests.pools.worlds import LABEL

# Longer than a machine that is busy takes for the rest of a test.
PATIENCE = timedelta(minutes=2)
SCOPE = Scope(repo="octo/hello", org="octo")


def listening(**changes: Any) -> dict[str, Any]:
    """Define it; changes are of the definition."""
    section = Listening(scope=SCOPE, label=LABEL, patience=PATIENCE)
    return {"targets": Targets(listening=1), "max": 2, "listening": section, **changes}


async def comes_online(pool: Pool, ports: Ports, mint: int = 1) -> str:
    """Have the one member of a pool be registered, and its runner listen; returns the runner."""
    [member] = await pool.has(1, "registering")
    runner = names.member_runner(member.name, mint)
    machine_id = await eventually(lambda: ports.configs.of(runner))
    ports.configs.delete(machine_id)
    await pool.says_agent(runner, "ready")
    await pool.has(1, "listening")
    return runner
