"""What most tests stand on: one real Temporal server for the whole session."""

from collections.abc import Iterator

import pytest
import pytest_asyncio
from hypothesis import settings
from temporalio.client import Client

from simulator.temporal import TemporalServer
from tests.connecting import connected

pytest_plugins = ["tests.lifecycles"]
# How long an example takes says more of the machine than of the code, and a test that failed must
# fail again.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def temporal_server() -> Iterator[TemporalServer]:
    """A real server, in memory, on free ports."""
    with TemporalServer() as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def temporal(temporal_server: TemporalServer) -> Client:
    """A client with our data converter, in a namespace that knows our search attributes."""
    return await connected(temporal_server.address)
