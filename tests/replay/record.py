"""`python -m tests.replay.record [SCENARIO ...]`: record histories anew, all of them by default."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from temporalio.client import Client, WorkflowFailureError, WorkflowHistory

from cli.history import tidy
from simulator.temporal import TemporalServer
from tests.connecting import connected
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import serving
from tests.replay.pool_scenarios import POOLS
from tests.replay.pool_scenarios import recorded as pool
from tests.replay.scenarios import NAMES, Scenario, Stage

HISTORIES = Path(__file__).parent / "histories"


async def main(names: Sequence[str]) -> None:
    """Play the scenarios one after the other on a real server, and keep their histories."""
    with TemporalServer() as server:
        client = await connected(server.address)
        for name in names or (*NAMES, *POOLS):
            of_pool = POOLS.get(name)
            keep(name, await (pool(client, of_pool) if of_pool else job(client, name)))


async def job(client: Client, name: str) -> WorkflowHistory:
    """Play the scenario of a job."""
    return await recorded(client, NAMES[name])


async def recorded(client: Client, scenario: Scenario) -> WorkflowHistory:
    """Play one scenario to its end."""
    provider, configs, github = MemoryProvider(), MemoryConfigs(), MemoryGitHub()
    async with serving(client, provider, configs=configs, github=github) as queue:
        job = await scenario(Stage(client, queue, provider, configs, github))
        # An operator's cancel ends the workflow as cancelled, and that is a history like any other.
        with suppress(WorkflowFailureError):
            await job.outcome()
        return await job.handle.fetch_history()


def keep(name: str, history: WorkflowHistory) -> None:
    """Write a history to where the tests find it."""
    (HISTORIES / f"{name}.json").write_text(tidy(history))


def kept(name: str) -> WorkflowHistory:
    """Read a history that was kept."""
    return WorkflowHistory.from_json(f"job-{name}", (HISTORIES / f"{name}.json").read_text())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
