"""The AWS that the contract tests talk to, over HTTP."""

import contextlib
import logging
from collections.abc import Iterator
from typing import NamedTuple

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from runs_fleet.aws.clients import Clients, clients
from simulator.aws.client import AwsWorld
from simulator.aws.models import AwsConfig

REGION = "us-east-1"


class Server(NamedTuple):
    """Where an AWS answers, and its levers if it has EC2's manners."""

    url: str
    world: AwsWorld | None = None


@contextlib.contextmanager
def bare_moto() -> Iterator[Server]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    try:
        _load_catalog(url)
        yield Server(url)
    finally:
        server.stop()


def _load_catalog(url: str) -> None:
    """Have moto read its instance types: on a busy machine longer than the product waits."""
    patient = Config(read_timeout=150, retries={"total_max_attempts": 1})
    ec2 = session().client("ec2", endpoint_url=url, config=patient)
    for _ in ec2.get_paginator("describe_instance_types").paginate():
        pass


@contextlib.contextmanager
def with_manners() -> Iterator[Server]:
    with AwsWorld(AwsConfig()) as world:
        yield Server(world.url, world)


SERVERS = {"moto": bare_moto, "manners": with_manners}


@pytest.fixture(scope="session", params=SERVERS)
def aws_endpoint(request: pytest.FixtureRequest) -> Iterator[Server]:
    with SERVERS[request.param]() as server:
        yield server


@pytest.fixture(scope="session")
def aws(aws_endpoint: Server) -> Clients:
    return clients(session(), endpoint=aws_endpoint.url)


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
