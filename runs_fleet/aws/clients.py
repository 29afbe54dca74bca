"""AWS clients, configured once: a client takes a quarter of a second to make, and is thread safe.

Endpoint and credentials come the standard way (`AWS_ENDPOINT_URL`, `AWS_PROFILE`, ...), and so
does the region, for which boto3 knows only `AWS_DEFAULT_REGION`:
https://docs.aws.amazon.com/boto3/latest/guide/configuration.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_sqs.client import SQSClient
    from types_boto3_ssm.client import SSMClient

CONNECT_TIMEOUT = 3
# Below the time that a workflow gives one call, so that a thread never outlives it.
READ_TIMEOUT = 9
LONGEST_POLL = 20
POOL = 64


@dataclass(frozen=True)
class Clients:
    """One client of each service, to be shared by all threads."""

    ec2: EC2Client
    ssm: SSMClient
    sqs: SQSClient


def clients(
    session: boto3.Session | None = None, *, pool: int = POOL, endpoint: str | None = None
) -> Clients:
    """Make the clients; `pool` is how many threads may call at the same time."""
    session = session or boto3.Session()
    usual, polling = _config(pool), _config(pool, read=READ_TIMEOUT + LONGEST_POLL)
    return Clients(
        ec2=session.client("ec2", config=usual, endpoint_url=endpoint),
        ssm=session.client("ssm", config=usual, endpoint_url=endpoint),
        sqs=session.client("sqs", config=polling, endpoint_url=endpoint),
    )


def sender(
    session: boto3.Session | None = None, *, pool: int, endpoint: str | None = None
) -> SQSClient:
    """Make an SQS client for somebody who is waited for while it sends."""
    hasty = _config(pool, connect=1, read=2)
    return (session or boto3.Session()).client("sqs", config=hasty, endpoint_url=endpoint)


def metrics(session: boto3.Session | None = None) -> Any:
    """Make a CloudWatch client for one thread."""
    return (session or boto3.Session()).client("cloudwatch", config=_config(1))


def tables(session: boto3.Session | None = None) -> Any:
    """Make a DynamoDB client."""
    return (session or boto3.Session()).client("dynamodb", config=_config(POOL))


def _config(pool: int, *, connect: float = CONNECT_TIMEOUT, read: float = READ_TIMEOUT) -> Config:
    # Trying again belongs to whoever called, where it can be seen, and asks by the same name.
    return Config(
        connect_timeout=connect,
        read_timeout=read,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=pool,
    )
