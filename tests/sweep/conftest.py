"""What the sweep's tests stand on: one fake GitHub and one AWS for all of them."""

import itertools
import ssl
from collections.abc import AsyncIterator, Iterator

import boto3
import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import Client

from runs_fleet.aws.clients import Clients, clients
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.sweep import SweepClient
from simulator.aws.client import AwsWorld
from simulator.aws.models import AwsConfig, Levers
from simulator.github import Chaos, GitHubWorld, Settings
from simulator.github.plans import Drain
from tests.sweep.brooms import NUMBERS, Broom
from tests.sweep.fakes import Outside
from tests.sweep.worlds import serving, swept

OWNERS = (f"sweep-{number}" for number in itertools.count(1))
QUICK = Levers(boot_seconds=0.02, boot_spread=0.0, shutdown_seconds=0.02, stop_seconds=0.02)


@pytest.fixture(scope="session")
def github_server() -> Iterator[GitHubWorld]:
    with GitHubWorld(seed=11) as world:
        yield world


@pytest.fixture
def world(github_server: GitHubWorld) -> Iterator[GitHubWorld]:
    """A GitHub in its usual mood, whose every answer must fit GitHub's own description."""
    known = github_server.violations()
    yield github_server
    github_server.configure(Settings())
    github_server.chaos(Chaos())
    github_server.clear_faults()
    github_server.drain(Drain(remaining=5000, reset_in=0.001))
    assert github_server.violations() == known


@pytest.fixture
def owner(world: GitHubWorld) -> str:
    """An organization that no other test knows, with our App on its `app` repository."""
    name = next(OWNERS)
    world.install(f"{name}/app")
    return name


@pytest.fixture
def api(world: GitHubWorld) -> Iterator[GitHubApi]:
    key = AppKey.from_pem(str(world.app_id), SecretStr(world.key_file.read_text()))
    http = httpx.Client(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=10)
    api = GitHubApi(world.api_url, key, http=http)
    yield api
    api.close()


@pytest.fixture
def client(api: GitHubApi) -> GitHubClient:
    return GitHubClient(api)


@pytest.fixture
def sweep(api: GitHubApi, client: GitHubClient) -> SweepClient:
    return SweepClient(api, client)


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AwsWorld]:
    with AwsWorld(AwsConfig(levers=QUICK)) as world:
        yield world


@pytest.fixture
def account(aws_server: AwsWorld) -> Clients:
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    return clients(session, endpoint=aws_server.url)


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest_asyncio.fixture
async def broom(temporal: Client, outside: Outside) -> AsyncIterator[Broom]:
    queue = f"sweep-{next(NUMBERS)}"
    async with serving(temporal, queue, swept(outside)):
        yield Broom(temporal, queue)
