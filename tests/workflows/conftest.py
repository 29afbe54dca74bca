"""What tests of pools stand on."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.client import Client

from tests.pools.managing import Begin, Pool, Ports, begun, keeping


@pytest.fixture
def ports() -> Ports:
    """The world of one test's pools."""
    return Ports()


@pytest_asyncio.fixture
async def begin_pool(temporal: Client, ports: Ports) -> AsyncIterator[Begin]:
    """Start pools; keyword arguments change their definitions."""
    pools: list[Pool] = []
    async with keeping(temporal, ports) as queue:

        async def one(**changes: object) -> Pool:
            pool = await begun(temporal, queue, ports, **changes)
            pools.append(pool)
            return pool

        yield one
        for pool in pools:
            await pool.ends()
