"""What moto keeps for the world: launch templates, subnets, images, instance types."""

import base64
import functools
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES

from simulator.aws.errors import AwsError

ACCOUNT = "123456789012"
USER_DATA = b"#!/bin/bash\nexec /opt/runs-fleet/bin/runs-fleet-agent\n"


@dataclass(frozen=True)
class Template:
    """One version of a launch template."""

    template_id: str
    name: str
    version: int
    data: dict[str, Any] = field(repr=False)

    @property
    def user_data(self) -> str:
        """The user data as the instance reads it."""
        return base64.b64decode(str(self.data.get("UserData") or "")).decode(errors="replace")


@dataclass(frozen=True)
class Subnet:
    """One subnet, and so one zone."""

    subnet_id: str
    zone: str
    vpc_id: str


class Account:
    """Reads and writes moto's own store, in this process."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._ec2 = ec2_backends[ACCOUNT][region]

    def template(self, spec: dict[str, Any]) -> Template:
        """Find a launch template version by id or name, or answer as EC2 does."""
        try:
            found = (
                self._ec2.get_launch_template(spec["LaunchTemplateId"])
                if "LaunchTemplateId" in spec
                else self._ec2.get_launch_template_by_name(spec.get("LaunchTemplateName", ""))
            )
            version = found.get_version(spec.get("Version") or "$Default")
        except ServiceException as error:
            raise AwsError(error.code, error.message) from error
        return Template(found.id, found.name, version.number, dict(version.data))

    def subnet(self, subnet_id: str) -> Subnet | None:
        """Find a subnet."""
        for by_zone in self._ec2.subnets.values():
            if subnet_id in by_zone:
                found = by_zone[subnet_id]
                return Subnet(found.id, found.availability_zone, found.vpc_id)
        return None

    def default_subnets(self) -> list[Subnet]:
        """List the default subnets, one a zone."""
        found = self._ec2.get_default_subnets().values()
        return [Subnet(s.id, s.availability_zone, s.vpc_id) for s in found]

    def image_arch(self, image_id: str) -> str | None:
        """Tell an image's architecture, where moto knows the image."""
        image = self._ec2.amis.get(image_id)
        return str(image.architecture) if image and image.architecture else None

    def instance_types(
        self, names: list[str] | None, filters: dict[str, list[str]]
    ) -> list[dict[str, Any]]:
        """Describe instance types, all that are not filtered out."""
        try:
            return list(self._ec2.describe_instance_types(names, filters))
        except ServiceException as error:
            raise AwsError(error.code, error.message) from error

    def make_template(self, arch: str, machine: str) -> str:
        """Make a launch template with an image of its architecture."""
        image = self._ec2.register_image(f"runs-fleet-{arch}")
        image.architecture = machine
        data = {
            "ImageId": image.id,
            "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
            "InstanceInitiatedShutdownBehavior": "terminate",
            "IamInstanceProfile": {"Name": "runs-fleet-agent"},
            "UserData": base64.b64encode(USER_DATA).decode(),
        }
        made = self._ec2.create_launch_template(f"runs-fleet-{arch}", "", data, {})
        return str(made.id)

    def make_subnet(self, beside: Subnet, cidr: str) -> str:
        """Make a subnet in the zone of another one."""
        made = self._ec2.create_subnet(beside.vpc_id, cidr, availability_zone=beside.zone)
        return str(made.id)


def instance_type(name: str) -> dict[str, Any] | None:
    """Describe an instance type, or None for one that AWS does not have."""
    found: dict[str, Any] | None = INSTANCE_TYPES.get(name)
    return found


@functools.cache
def offered(region: str) -> frozenset[tuple[str, str]]:
    """List (instance type, zone) as AWS offers them."""
    rows = INSTANCE_TYPE_OFFERINGS["availability-zone"].get(region, [])
    return frozenset((row["InstanceType"], row["Location"]) for row in rows)
