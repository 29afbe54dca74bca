"""A DynamoDB, shared by all tests of a process: each makes tables of its own."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from tests.ec2.servers import REGION


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[Any]:
    """Only tables are asked for, so nobody waits until all of EC2 is there."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    # The first call loads all that there is of DynamoDB.
    patient = Config(read_timeout=100, retries={"total_max_attempts": 1})
    client: Any = session.client("dynamodb", endpoint_url=f"http://{host}:{port}", config=patient)
    try:
        yield client
    finally:
        client.close()
        server.stop()
