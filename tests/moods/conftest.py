"""One fake GitHub for all moods, an owner of its own for each."""

import itertools
import ssl
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import Client

from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from simulator.github import Drain, GitHubWorld, Settings
from tests.fakes import MemoryConfigs, MemoryProvider
from tests.moods.fleet import Calls, Fleet

OWNERS = (f"moods-{number}" for number in itertools.count(1))
# A GitHub that does not answer within this has not answered.
PATIENCE = 0.5


@pytest.fixture(scope="session")
def moody_server() -> Iterator[GitHubWorld]:
    with GitHubWorld(seed=23) as world:
        yield world


@pytest.fixture
def world(moody_server: GitHubWorld) -> Iterator[GitHubWorld]:
    """A GitHub in its usual mood, whose every answer must fit GitHub's own description."""
    known = moody_server.violations()
    yield moody_server
    moody_server.clear_faults()
    moody_server.configure(Settings())
    moody_server.drain(Drain(remaining=5000, reset_in=0.001))
    moody_server.drain(
        Drain(resource="actions_runner_registration", remaining=5000, reset_in=0.001)
    )
    assert moody_server.violations() == known


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    # Loading the usual trust store takes longer than a test.
    with httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=PATIENCE) as http:
        yield http


@pytest_asyncio.fixture
async def fleet(
    world: GitHubWorld,
    temporal: Client,
    http: httpx.Client,
    provider: MemoryProvider,
    configs: MemoryConfigs,
) -> AsyncIterator[Fleet]:
    """Our App at a new owner, and a worker that serves the owner's jobs."""
    owner, calls = next(OWNERS), Calls()
    world.install(f"{owner}/app")
    key = AppKey.from_pem(str(world.app_id), SecretStr(world.key_file.read_text()))
    api = GitHubApi(world.api_url, key, http=http, on_call=calls.note)
    fleet = Fleet(
        world,
        temporal,
        GitHubClient(api),
        provider=provider,
        configs=configs,
        owner=owner,
        calls=calls,
        http=http,
    )
    async with fleet.serving():
        yield fleet
