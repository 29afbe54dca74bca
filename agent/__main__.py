"""`runs-fleet-agent`: one machine's agent, from its boot to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from agent.host_ec2 import Ec2Host
from agent.imds import Metadata, endpoint
from agent.life import Agent, Pace
from runs_fleet import logs
from runs_fleet.aws.errors import translated
from runs_fleet.errors import Unavailable
from runs_fleet.providers.ec2.own import OwnMachine
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.queues.sqs import SqsOutbox
from runs_fleet.settings import AgentSettings, BadSettings, load_agent

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_sqs.client import SQSClient
    from types_boto3_ssm.client import SSMClient

CLIENT = Config(
    connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2}
)


class Aws:
    """AWS clients, each made when it is first needed: EC2's alone costs a quarter of a second."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._lock = threading.Lock()

    def ssm(self) -> SSMClient:
        with self._lock:
            return self._session.client("ssm", config=CLIENT)

    def sqs(self) -> SQSClient:
        with self._lock:
            return self._session.client("sqs", config=CLIENT)

    def ec2(self) -> EC2Client:
        with self._lock:
            return self._session.client("ec2", config=CLIENT)

    @cached_property
    def _session(self) -> boto3.Session:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        with translated("find AWS credentials"):
            session = boto3.Session(region_name=region or self._metadata.region())
            # A client made without them stays without, and a role may be late on a fresh machine.
            if session.get_credentials() is None:
                raise Unavailable("no AWS credentials yet")
        return session


def make_agent(settings: AgentSettings) -> Agent:
    """Wire an agent for the EC2 instance that it finds itself on."""
    metadata = Metadata(endpoint(os.environ))
    aws = Aws(metadata)
    return Agent(
        Ec2Host(
            metadata,
            store=lambda: SsmConfigStore(aws.ssm(), settings.ssm_prefix),
            terminator=lambda: OwnMachine(aws.ec2()),
        ),
        lambda url: SqsOutbox(aws.sqs(), url),
        runner_dir=settings.runner_dir,
        environ=os.environ,
        pace=Pace(
            config_timeout=settings.config_timeout.total_seconds(),
            stop_grace=settings.stop_grace.total_seconds(),
        ),
    )


def main() -> int:
    """Return 0 when the machine was told to end, 1 when it could not be, 2 on bad settings."""
    try:
        settings = load_agent(os.environ)
    except BadSettings as error:
        sys.stderr.write(f"{error}\n")
        return 2
    logs.configure(settings.log_format, settings.log_level)
    agent = make_agent(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.terminate())
    return 0 if agent.run() else 1


if __name__ == "__main__":
    sys.exit(main())
