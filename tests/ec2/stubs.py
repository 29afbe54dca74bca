"""A scripted EC2: answers in order, and a complaint about anything else that is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from types_boto3_ec2.client import EC2Client

from runs_fleet.aws.clients import clients
from runs_fleet.placement import InstanceType
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.provider import Ec2Provider, Manner
from runs_fleet.providers.ec2.site import Site
from tests.ec2.servers import session

CREATES = "provide-client-params.ec2.CreateFleet"
ZONES = {"subnet-a": "z-a", "subnet-b": "z-b"}
SMALL = InstanceType("c8g.large", 2, 4096, "arm64", zones=frozenset(ZONES.values()))
LARGE = InstanceType("c8g.xlarge", 4, 8192, "arm64", zones=frozenset(ZONES.values()))
NO_SPOT = InstanceType("m8g.large", 2, 8192, "arm64", zones=frozenset({"z-a"}), spot=False)
OFFERED = [
    ("c8g.large", "subnet-a"),
    ("c8g.large", "subnet-b"),
    ("c8g.xlarge", "subnet-a"),
    ("c8g.xlarge", "subnet-b"),
]


class FixedCatalog:
    """A region with three types."""

    def types(self) -> tuple[InstanceType, ...]:
        return SMALL, LARGE, NO_SPOT


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def moment(self) -> datetime:
        """The same time, as calendars have it."""
        return datetime.fromtimestamp(self.now, UTC)


class ScriptedEc2:
    """EC2 by script, and the provider that reads from it."""

    def __init__(self) -> None:
        self.client = client()
        self.script = Stubber(self.client)
        self.clock = Clock()
        self.asked: list[dict[str, Any]] = []
        self.client.meta.events.register(CREATES, self._note)
        site = Site(templates={"arm64": "lt-1"}, subnets=tuple(ZONES))
        self.memory = CapacityMemory(holder="me", now=self.clock.moment)
        self.provider = Ec2Provider(
            self.client,
            site,
            catalog=FixedCatalog(),
            memory=self.memory,
            manner=Manner(clock=self.clock),
        )

    def close(self) -> None:
        self.client.meta.events.unregister(CREATES, self._note)
        self.script.assert_no_pending_responses()

    def _note(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params)

    def knows_its_place(self) -> None:
        """Answer what the provider looks up before its first order."""
        self.script.add_response("describe_launch_template_versions", versions("lt-1"))
        self.script.add_response(
            "describe_subnets",
            {"Subnets": [{"SubnetId": s, "AvailabilityZone": z} for s, z in ZONES.items()]},
        )

    def starts(self, *machine_ids: str, errors: list[dict[str, Any]] | None = None) -> None:
        """Answer a CreateFleet with these machines, and errors beside them."""
        self.script.add_response(
            "create_fleet",
            {
                "Instances": [
                    {
                        "InstanceIds": [machine_id],
                        "InstanceType": "c8g.large",
                        "Lifecycle": "spot",
                        "LaunchTemplateAndOverrides": {"Overrides": {"SubnetId": "subnet-b"}},
                    }
                    for machine_id in machine_ids
                ],
                "Errors": errors or [],
            },
        )

    def fails(self, code: str, *, call: str = "create_fleet", status: int = 400) -> None:
        """Answer a call with an error."""
        self.script.add_client_error(call, code, "the reason", http_status_code=status)

    def describes(self, *found: tuple[str, str]) -> None:
        """Answer a DescribeInstances with these ids and states."""
        instances = [
            {
                "InstanceId": machine_id,
                "InstanceType": "c8g.large",
                "InstanceLifecycle": "spot",
                "Placement": {"AvailabilityZone": "z-b"},
                "State": {"Name": state},
                "StateReason": {"Code": "Server.SpotInstanceTermination"},
            }
            for machine_id, state in found
        ]
        self.script.add_response(
            "describe_instances", {"Reservations": [{"Instances": instances}]}, {"Filters": ANY}
        )

    def describes_nothing_of(self, machine_ids: list[str]) -> None:
        """Answer a DescribeInstances of exactly these ids with none."""
        self.script.add_response(
            "describe_instances",
            {"Reservations": []},
            {"Filters": [{"Name": "instance-id", "Values": machine_ids}]},
        )

    def overrides(self, call: int = -1) -> list[tuple[str, str]]:
        """Return the types and subnets that a CreateFleet asked for."""
        configs = self.asked[call]["LaunchTemplateConfigs"]
        return [(o["InstanceType"], o["SubnetId"]) for c in configs for o in c["Overrides"]]


def versions(template_id: str) -> dict[str, Any]:
    return {
        "LaunchTemplateVersions": [
            {
                "LaunchTemplateId": template_id,
                "VersionNumber": 7,
                "LaunchTemplateData": {"ImageId": "ami-1"},
            }
        ]
    }


def full(type_name: str, subnet: str, code: str = "InsufficientInstanceCapacity") -> dict[str, Any]:
    """Write the error of one override."""
    return {
        "ErrorCode": code,
        "ErrorMessage": "the reason",
        "Lifecycle": "spot",
        "LaunchTemplateAndOverrides": {
            "Overrides": {"InstanceType": type_name, "SubnetId": subnet}
        },
    }


@cache
def client() -> EC2Client:
    """Make the client that all scripts share, as making one takes long."""
    return clients(session()).ec2


@pytest.fixture
def ec2() -> Iterator[ScriptedEc2]:
    scripted = ScriptedEc2()
    scripted.knows_its_place()
    with scripted.script:
        yield scripted
        scripted.close()
