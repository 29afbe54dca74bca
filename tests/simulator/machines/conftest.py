"""A world whose machines run a small agent of the tests' own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from simulator.aws.client import AwsWorld
from simulator.aws.models import AgentPlan, AwsConfig, Levers
from tests.simulator.waiting import until

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FleetLaunchTemplateConfigRequestTypeDef

AGENT = "tests.simulator.machines.dummy_agent"
QUICK = Levers(boot_seconds=0.02, boot_spread=0.0, shutdown_seconds=0.02, stop_seconds=0.02)
Launch = Callable[..., list[str]]


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in's directory."""
    folder = tmp_path_factory.mktemp("stand-in")
    (folder / "run.sh").write_text("#!/bin/bash\necho running as $$\n")
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def server(runner: Path) -> Iterator[AwsWorld]:
    plan = AgentPlan(module=AGENT, runner=str(runner), preload=("boto3", "pydantic"))
    with AwsWorld(AwsConfig(agent=plan, levers=QUICK)) as world:
        yield world


@pytest.fixture
def world(server: AwsWorld) -> Iterator[AwsWorld]:
    yield server
    server.calm()


def launcher(world: AwsWorld) -> Launch:
    """Give a function that buys machines of this world."""
    account = world.set_up()
    ec2: EC2Client = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    ).client("ec2", endpoint_url=world.url)

    def launch(number: int = 1) -> list[str]:
        offer: FleetLaunchTemplateConfigRequestTypeDef = {
            "LaunchTemplateSpecification": {
                "LaunchTemplateId": account.launch_template_amd64,
                "Version": "1",
            },
            "Overrides": [{"InstanceType": "c7i.large", "SubnetId": account.subnets[0]}],
        }
        answer = ec2.create_fleet(
            Type="instant",
            LaunchTemplateConfigs=[offer],
            TargetCapacitySpecification={
                "TotalTargetCapacity": number,
                "DefaultTargetCapacityType": "spot",
            },
        )
        return answer["Instances"][0]["InstanceIds"]

    return launch


@pytest.fixture
def launch(world: AwsWorld) -> Launch:
    return launcher(world)


@pytest.fixture
def machine(world: AwsWorld, launch: Launch) -> str:
    """A machine whose agent has started what it starts."""
    made = launch()[0]
    until(lambda: "everything is up" in world.agent_log(made))
    # The agent may have said so before its world has noted which process it is.
    until(lambda: world.machine(made).agent_pid is not None)
    return made
