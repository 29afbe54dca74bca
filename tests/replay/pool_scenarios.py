"""The lives that a pool's manager can lead, each played once for its history."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio.client import Client, WorkflowFailureError, WorkflowHistory

from runs_fleet.errors import NoCapacity
from runs_fleet.pools.definition import Cache, Targets
from tests.lifecycles import eventually
from tests.pools.listening import comes_online, listening
from tests.pools.managing import Pool, Ports, begun, ended, keeping

Scenario = Callable[[Client, str, Ports], Awaitable[Pool]]


async def pool_gives(temporal: Client, queue: str, ports: Ports) -> Pool:
    """Members are given, used up, given back, and refused; a launch finds no capacity."""
    pool = await begun(temporal, queue, ports, max=3)
    await pool.has(1, "stopped")
    await pool.has(2, "free")
    jobs = [await pool.asker() for _ in range(4)]
    given = [await job.claims() for job in jobs]
    ports.warm.errors.append(NoCapacity("no c7g.xlarge in z-a"))
    await jobs[0].leaves(given[0].member, gone=True, final=True)
    ports.warm.remove(given[0].member, None)
    await jobs[1].leaves(given[1].member, unused=True, final=True)
    await eventually(lambda: given[1].member in ports.warm.removed)
    await pool.operates("recycle")
    await pool.operates("drain")
    return pool


async def pool_listens(temporal: Client, queue: str, ports: Ports) -> Pool:
    """A listening member loses its registration, and then gets a job."""
    pool = await begun(temporal, queue, ports, **listening())
    runner = await comes_online(pool, ports)
    ports.github.forget(runner)
    await pool.says_agent(runner, "finished", "registration_lost")
    runner = await comes_online(pool, ports, mint=2)
    job = await pool.asker()
    await job.claims()
    await pool.says_github("in_progress", runner, job.job_id)
    await job.hears(2)
    await pool.operates("drain")
    ports.github.forget(runner)
    await pool.says_github("completed", runner, job.job_id)
    return pool


async def pool_of_pods(temporal: Client, queue: str, ports: Ports) -> Pool:
    """Placeholders make room, and a volume is leased."""
    cache = Cache(size=10, volumes=1)
    pool = await begun(temporal, queue, ports, mode="k8s", targets=Targets(hot=2), cache=cache)
    await eventually(lambda: ports.placeholders.orders)
    job = await pool.asker()
    await job.claims()
    await job.leaves(final=True)
    return pool


async def recorded(client: Client, scenario: Scenario) -> WorkflowHistory:
    """Play one scenario, cancel its manager, and return the history."""
    ports = Ports()
    async with keeping(client, ports) as queue:
        pool = await scenario(client, queue, ports)
        await client.get_workflow_handle(pool.handle.id).cancel()
        with suppress(WorkflowFailureError):
            await ended(pool)
        history = await client.get_workflow_handle(pool.handle.id).fetch_history()
        await pool.ends()
        return history


SCENARIOS: tuple[Scenario, ...] = (pool_gives, pool_listens, pool_of_pods)
POOLS: dict[str, Scenario] = {scenario.__name__: scenario for scenario in SCENARIOS}
