"""IMDSv2 as an agent meets it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from simulator.aws.client import AwsWorld
from tests.simulator.aws.conftest import FleetRequests
from tests.simulator.waiting import until

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

TTL = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN = "X-aws-ec2-metadata-token"


@pytest.fixture
def machine(ec2: "EC2Client", fleet: FleetRequests) -> str:
    return ec2.create_fleet(**fleet())["Instances"][0]["InstanceIds"][0]


@pytest.fixture
def imds(world: AwsWorld, machine: str) -> Iterator[httpx.Client]:
    """A client with a token."""
    with httpx.Client(base_url=f"{world.url}/_imds/{machine}/latest/") as client:
        client.headers[TOKEN] = client.put("api/token", headers={TTL: "60"}).text
        yield client


def test_without_a_token_nothing_is_told(imds: httpx.Client) -> None:
    assert imds.get("meta-data/instance-id", headers={TOKEN: "guess"}).status_code == 401


@pytest.mark.parametrize("ttl", ["", "0", "x", "99999"])
def test_a_token_needs_a_sane_lifetime(imds: httpx.Client, ttl: str) -> None:
    assert imds.put("api/token", headers={TTL: ttl}).status_code == 400


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("meta-data/instance-life-cycle", "spot"),
        ("meta-data/placement/region", "us-east-1"),
        ("meta-data/tags/instance/test", "token-"),
        ("meta-data/placement/availability-zone", "us-east-1"),
        ("meta-data/instance-type", "7g.large"),
        ("user-data", "#!/bin/bash"),
        ("dynamic/instance-identity/document", '"architecture": "arm64"'),
    ],
)
def test_a_machine_learns_what_it_is(imds: httpx.Client, path: str, expected: str) -> None:
    assert expected in imds.get(path).text


def test_a_machine_learns_its_own_id(imds: httpx.Client, machine: str) -> None:
    assert imds.get("meta-data/instance-id").text == machine


@pytest.mark.parametrize("path", ["meta-data/spot/instance-action", "meta-data/cat"])
def test_what_is_not_there_is_not_found(imds: httpx.Client, path: str) -> None:
    assert imds.get(path).status_code == 404


def test_the_spot_notice_shows(imds: httpx.Client, world: AwsWorld, machine: str) -> None:
    world.interrupt(machine, after=30)
    notice = imds.get("meta-data/spot/instance-action").json()
    assert notice["action"] == "terminate"
    assert notice["time"].endswith("Z")


def test_a_machine_that_is_gone_is_told_nothing(
    imds: httpx.Client, world: AwsWorld, machine: str
) -> None:
    world.lose(machine)
    until(lambda: world.machine(machine).state == "terminated")
    assert imds.get("meta-data/instance-id").status_code == 404
