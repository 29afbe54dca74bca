"""A world in which all is well: GitHub, AWS and Temporal, each shared by the tests of a process."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import NamedTuple, TypeVar

import boto3
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from temporalio import activity
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Worker
from typer.testing import CliRunner

from cli.checks.findings import Area, Finding, Look, Opened, examine, well
from runs_fleet import names
from runs_fleet.__main__ import app
from runs_fleet.aws.clients import Clients, clients
from runs_fleet.census import SweepRequest
from runs_fleet.models import Mode
from simulator.aws.client import AwsWorld
from simulator.aws.models import AwsConfig
from simulator.github import Chaos, GitHubWorld, RunPlan, Settings
from simulator.temporal import TemporalServer
from tests.github.scripted import Clock, Reply, ScriptedGitHub, serving
from tests.kube.cluster import (
    control_plane,
    namespace,
    privileged_namespace,
    pytest_collection_modifyitems,
)
from worker import schedules
from workflows import attributes
from workflows.market_watch import MarketWatch

__all__ = ["control_plane", "namespace", "privileged_namespace", "pytest_collection_modifyitems"]

NAMESPACES = (f"doctor-{number}" for number in itertools.count(1))
PATIENCE = 35.0
REPORT_SECRET = "a-secret-of-the-doctors-tests"
Environ = dict[str, str]
Answer = TypeVar("Answer")
Place = TypeVar("Place")


class Told(NamedTuple):
    """How `runs-fleet doctor --json` ended, and what it found of each check."""

    status: int
    out: str
    found: dict[str, dict[str, str]]


# A variable that is None is not set.
Doctor = Callable[[Mapping[str, str | None]], Awaitable[Told]]


async def patiently(condition: Callable[[], Awaitable[Answer]]) -> Answer:
    """Wait until a condition gives something, for as long as a loaded machine may need."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while not (answer := await condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"it was not so within {PATIENCE:g} s")
        await asyncio.sleep(0.05)
    return answer


async def found(look: Look[Place], site: Place) -> Finding:
    """What one check finds at a site."""
    opened = Opened({"opening": well("")}, site)
    area = Area("area", ("opening",), lambda _: opened, {"check": look})
    return (await examine([area]))[1]


@pytest.fixture
def doctor() -> Doctor:
    """Run the command with these variables, beside the test, whose worker goes on."""

    def invoke(environ: Mapping[str, str | None]) -> Told:
        ended = CliRunner().invoke(app, ["doctor", "--json"], env=environ, catch_exceptions=False)
        findings = json.loads(ended.stdout)
        return Told(ended.exit_code, ended.output, {each["check"]: each for each in findings})

    async def run(environ: Mapping[str, str | None]) -> Told:
        return await asyncio.to_thread(invoke, environ)

    return run


async def once_all_is_well(doctor: Doctor, environ: Environ) -> Told:
    """Run it again until it has nothing to say, or for half a minute: machines may be slow."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    told = await doctor(environ)
    while told.status and asyncio.get_running_loop().time() < deadline:
        told = await doctor(environ)
    return told


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AwsWorld]:
    with AwsWorld(AwsConfig()) as world:
        yield world


@pytest.fixture
def aws(aws_server: AwsWorld) -> Iterator[AwsWorld]:
    """An AWS in its usual mood, in which everything is made that a worker needs."""
    yield aws_server
    aws_server.calm()


@pytest.fixture(scope="session")
def account(aws_server: AwsWorld) -> Clients:
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    return clients(session, endpoint=aws_server.url)


@pytest.fixture(scope="session")
def github_server() -> Iterator[GitHubWorld]:
    """A GitHub at which our App is installed, and whose webhooks have arrived."""
    with GitHubWorld(seed=3) as world, serving(ScriptedGitHub(Clock(0))) as receiver:
        receiver.say("POST /webhook", Reply(202))
        world.deliver_to(f"{receiver.url}/webhook")
        world.create_run(RunPlan(repo="acme/doctor"))
        world.until(
            lambda books: any(each.status_code == 202 for each in books.deliveries),
            what="a delivery",
        )
        yield world


@pytest.fixture
def github(github_server: GitHubWorld) -> Iterator[GitHubWorld]:
    yield github_server
    github_server.configure(Settings())
    github_server.chaos(Chaos())
    github_server.clear_faults()


@pytest_asyncio.fixture(scope="session")
async def temporal_namespace(temporal_server: TemporalServer) -> str:
    """A namespace as the documentation wants it."""
    return await make_namespace(temporal_server, days=7)


async def make_namespace(server: TemporalServer, *, days: int, known: bool = True) -> str:
    """Make a namespace, and wait until every part of the server knows it."""
    client, name = await Client.connect(server.address), next(NAMESPACES)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=name,
            workflow_execution_retention_period=Duration(seconds=days * 86_400),
        )
    )
    queue = DescribeTaskQueueRequest(namespace=name, task_queue=TaskQueue(name="any"))

    async def answers() -> bool:
        try:
            await client.workflow_service.describe_task_queue(queue)
            if known:
                await attributes.ensure(await connected(server, name))
        except RPCError:
            return False
        return True

    await patiently(answers)
    return name


async def connected(server: TemporalServer, namespace: str) -> Client:
    return await Client.connect(
        server.address, namespace=namespace, data_converter=pydantic_data_converter
    )


@activity.defn
async def idle() -> None:
    """Give the worker an activity to ask for."""


@asynccontextmanager
async def working(server: TemporalServer, namespace: str, *, mode: Mode) -> AsyncIterator[Client]:
    """Run a worker, or what Temporal sees of it, and schedule its sweep."""
    client, queue = await connected(server, namespace), names.task_queue(mode)
    await schedules.ensure(client, SweepRequest(mode=mode), timedelta(minutes=2))
    async with Worker(client, task_queue=queue, workflows=[MarketWatch], activities=[idle]):
        yield client


@pytest.fixture
def environ(
    temporal_server: TemporalServer, temporal_namespace: str, aws: AwsWorld, github: GitHubWorld
) -> Environ:
    """The variables of a worker and an API that lack nothing."""
    return {
        **github.env(),
        **aws.set_up().env(),
        **aws.env(app="doctor"),
        "TEMPORAL_ADDRESS": temporal_server.address,
        "TEMPORAL_NAMESPACE": temporal_namespace,
        "RUNS_FLEET_REPORT_SECRET": REPORT_SECRET,
    }
