"""AWS as the agent of an EC2 instance needs it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from agent.imds import Metadata
from runs_fleet.aws.errors import translated
from runs_fleet.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_sqs.client import SQSClient
    from types_boto3_ssm.client import SSMClient

CLIENT = Config(
    connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2}
)
# For long polls, which whoever waits repeats anyway.
POLLING = Config(
    connect_timeout=3, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1}
)


class Aws:
    """AWS clients, each made when it is first needed: EC2's alone costs a quarter of a second."""

    def __init__(self, metadata: Metadata, environ: Mapping[str, str]) -> None:
        self._metadata = metadata
        self._environ = environ
        self._lock = threading.Lock()

    def ssm(self) -> SSMClient:
        with self._lock:
            return self._session.client("ssm", config=CLIENT)

    def sqs(self) -> SQSClient:
        with self._lock:
            return self._session.client("sqs", config=CLIENT)

    def polling(self) -> SQSClient:
        with self._lock:
            return self._session.client("sqs", config=POLLING)

    def ec2(self) -> EC2Client:
        with self._lock:
            return self._session.client("ec2", config=CLIENT)

    @cached_property
    def _session(self) -> boto3.Session:
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        with translated("find AWS credentials"):
            session = boto3.Session(region_name=region or self._metadata.region())
            # A client made without them stays without, and a role may be late on a fresh machine.
            if session.get_credentials() is None:
                raise Unavailable("no AWS credentials yet")
        return session
