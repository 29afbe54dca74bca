"""The roles of the EC2 tests: a site to launch in, its catalog, and orders to fill."""

from collections.abc import Iterator
from itertools import count
from typing import Literal, NamedTuple

import pytest
from types_boto3_ec2.type_defs import (
    LaunchTemplateBlockDeviceMappingRequestTypeDef,
    RequestLaunchTemplateDataTypeDef,
)

from runs_fleet.aws.clients import Clients
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.providers.ec2.site import Site
from tests.ec2.servers import aws, aws_endpoint
from tests.ec2.stubs import ec2

__all__ = ["aws", "aws_endpoint", "ec2"]
# Moto keeps its state per process, and may get a second place there when a file ends.
_places = count(1)


class Place(NamedTuple):
    """What an operator would have made before the fleet came."""

    site: Site
    image_id: str
    public: tuple[str, ...]
    private: tuple[str, ...]


@pytest.fixture(scope="session")
def place(aws: Clients) -> Place:
    vpc = aws.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        aws.ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for index, zone in enumerate("ababb")
    ]
    images = {arch: image_of(aws, arch) for arch in ("x86_64", "arm64")}
    number = next(_places)
    plain, roomy = f"plain-amd64-{number}", f"roomy-arm64-{number}"
    disk: LaunchTemplateBlockDeviceMappingRequestTypeDef = {
        "DeviceName": "/dev/xvda",
        "Ebs": {"VolumeSize": 30, "Encrypted": True},
    }
    templates: dict[str, RequestLaunchTemplateDataTypeDef] = {
        plain: {"ImageId": images["x86_64"]},
        roomy: {"ImageId": images["arm64"], "BlockDeviceMappings": [disk]},
    }
    for name, data in templates.items():
        aws.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    site = Site(
        templates={"amd64": plain, "arm64": roomy},
        subnets=(subnets[0], subnets[1], subnets[4]),
        private_subnets=tuple(subnets[2:4]),
    )
    return Place(site, images["arm64"], tuple(subnets[:2]), tuple(subnets[2:4]))


def image_of(aws: Clients, arch: Literal["x86_64", "arm64"]) -> str:
    return aws.ec2.register_image(
        Name=f"runner-{arch}", Architecture=arch, RootDeviceName="/dev/sda1"
    )["ImageId"]


@pytest.fixture(scope="session")
def catalog(aws: Clients) -> InstanceCatalog:
    return InstanceCatalog(aws.ec2)


@pytest.fixture
def provider(aws: Clients, place: Place, catalog: InstanceCatalog) -> Iterator[Ec2Provider]:
    yield Ec2Provider(aws.ec2, place.site, catalog=catalog)
    pages = aws.ec2.get_paginator("describe_instances").paginate()
    ids = [
        each["InstanceId"]
        for page in pages
        for reservation in page["Reservations"]
        for each in reservation["Instances"]
    ]
    _ = ids and aws.ec2.terminate_instances(InstanceIds=ids)
