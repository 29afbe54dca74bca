"""One simulated AWS for the session, calm again after every test."""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from simulator.aws.client import AwsWorld
from simulator.aws.models import AwsConfig, Levers, Setup

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_sqs import SQSClient
    from types_boto3_ssm import SSMClient

ONCE = Config(
    retries={"total_max_attempts": 1}, user_agent_extra="app/tests", max_pool_connections=32
)
FleetRequests = Callable[..., Any]
QUICK = Levers(boot_seconds=0.02, boot_spread=0.0, shutdown_seconds=0.02, stop_seconds=0.02)


@pytest.fixture(scope="session")
def server() -> Iterator[AwsWorld]:
    with AwsWorld(AwsConfig(levers=QUICK)) as world:
        yield world


@pytest.fixture
def world(server: AwsWorld) -> Iterator[AwsWorld]:
    yield server
    server.calm()


@pytest.fixture(scope="session")
def account(server: AwsWorld) -> Setup:
    return server.set_up()


@pytest.fixture(scope="session")
def session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )


@pytest.fixture(scope="session")
def ec2(server: AwsWorld, session: boto3.Session) -> "EC2Client":
    return session.client("ec2", endpoint_url=server.url, config=ONCE)


@pytest.fixture(scope="session")
def ssm(server: AwsWorld, session: boto3.Session) -> "SSMClient":
    return session.client("ssm", endpoint_url=server.url, config=ONCE)


@pytest.fixture(scope="session")
def sqs(server: AwsWorld, session: boto3.Session) -> "SQSClient":
    return session.client("sqs", endpoint_url=server.url, config=ONCE)


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture
def token(numbers: Iterator[int]) -> str:
    """A client token that no other test uses."""
    return f"token-{next(numbers)}"


@pytest.fixture
def fleet(account: Setup, token: str) -> FleetRequests:
    """Requests for arm64 machines of two types in two zones; keywords change them."""

    def request(
        *,
        number: int = 1,
        market: str = "spot",
        types: tuple[str, ...] = ("c7g.large", "m7g.large"),
    ) -> dict[str, Any]:
        template = {"LaunchTemplateId": account.launch_template_arm64, "Version": "1"}
        overrides = [
            {"InstanceType": name, "SubnetId": subnet}
            for name in types
            for subnet in account.subnets[:2]
        ]
        return {
            "Type": "instant",
            "ClientToken": token,
            "LaunchTemplateConfigs": [
                {"LaunchTemplateSpecification": template, "Overrides": overrides}
            ],
            "TargetCapacitySpecification": {
                "TotalTargetCapacity": number,
                "DefaultTargetCapacityType": market,
            },
            "SpotOptions": {"AllocationStrategy": "price-capacity-optimized"},
            "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
            "TagSpecifications": [
                {"ResourceType": "instance", "Tags": [{"Key": "test", "Value": token}]}
            ],
        }

    return request
