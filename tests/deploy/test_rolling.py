"""A deploy in the middle of the work: what is begun is finished, and nothing is done twice."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from temporalio.client import Client

from tests.deploy.builds import Rolling, Site, SlowGitHub, SlowProvider
from tests.fakes import MemoryConfigs
from tests.lifecycles import Job, eventually
from worker import serving

JOBS = 24
LOOK = 0.02
# The server may hand a call to a worker in the very moment in which that stops polling. Nobody
# begins it, so it is not repeated, but it is only handed out again after its time limit.
# https://github.com/temporalio/sdk-go/pull/2199
PATIENCE = 100.0


@pytest.fixture
def provider() -> Iterator[SlowProvider]:
    memory = SlowProvider()
    yield memory
    assert memory.alive == [], "a test left a machine behind"


@pytest.fixture
def github() -> SlowGitHub:
    return SlowGitHub()


@pytest.fixture
def site(
    temporal: Client, provider: SlowProvider, configs: MemoryConfigs, github: SlowGitHub
) -> Site:
    return Site(temporal, provider, configs, github)


@pytest.mark.timeout(300)
async def test_workers_replaced_under_load_repeat_nothing(
    site: Site, provider: SlowProvider, configs: MemoryConfigs, github: SlowGitHub
) -> None:
    async with Rolling(site) as fleet:
        jobs = [await site.start() for _ in range(JOBS)]
        ends = [asyncio.create_task(lived(job, configs)) for job in jobs]
        await eventually(lambda: len(provider.orders) >= JOBS // 4)
        await fleet.deploy()
        await eventually(lambda: len(provider.orders) >= JOBS // 2)
        await fleet.deploy()
        await eventually(lambda: len(provider.removals) >= 1)
        await fleet.deploy()
        assert Counter(await asyncio.gather(*ends)) == {"completed": JOBS}
    runners = sorted(job.runner() for job in jobs)
    assert sorted(order.runner for order in provider.orders) == runners
    assert sorted(github.mints) == runners
    assert sorted(provider.removals) == runners
    assert max(fleet.drains) < serving.GRACE.total_seconds() / 2


async def lived(job: Job, configs: MemoryConfigs) -> str:
    """Play an ordinary job to its end, whatever time limit it has to wait for."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while configs.of(job.runner()) is None:
        assert asyncio.get_running_loop().time() < deadline, "nobody registered its runner"
        await asyncio.sleep(LOOK)
    await job.runs_to_its_end()
    return (await asyncio.wait_for(job.handle.result(), PATIENCE)).state
