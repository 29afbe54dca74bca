"""What moto keeps for the world: templates, subnets, images, instance types, queues, parameters."""

import base64
import functools
import json
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.models import ec2_backends
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS, INSTANCE_TYPES
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends

from simulator.aws.errors import AwsError
from simulator.aws.models import QueueDepth, Setup

ACCOUNT = "123456789012"
ZONES = 3
DEAD_LETTERS_AFTER = 5
PRIVATE_CIDRS = ("172.31.96.0/20", "172.31.112.0/20", "172.31.128.0/20")


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

    def __init__(self, region: str, *, events_queue: str) -> None:
        self.region = region
        self._events_queue = events_queue
        self._ec2 = ec2_backends[ACCOUNT][region]
        self._sqs = sqs_backends[ACCOUNT][region]
        self._ssm = ssm_backends[ACCOUNT][region]

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

    def event(self, body: str) -> None:
        """Put an event into the events queue; without one nobody listens."""
        if self._events_queue in self._sqs.queues:
            self._sqs.send_message(self._events_queue, body)

    def depths(self) -> dict[str, QueueDepth]:
        """Tell how full each queue is."""
        return {
            name: QueueDepth(
                visible=queue.approximate_number_of_messages,
                in_flight=queue.approximate_number_of_messages_not_visible,
            )
            for name, queue in list(self._sqs.queues.items())
        }

    def parameters(self) -> set[str]:
        """Name the SSM parameters that exist."""
        return {name for name, versions in list(self._ssm._parameters.items()) if versions}

    def set_up(self, *, url: str, ssm_prefix: str) -> Setup:
        """Make what a fleet needs; call it once."""
        subnets = self.default_subnets()[:ZONES]
        reports, dead = (f"runs-fleet-reports{suffix}.fifo" for suffix in ("", "-dead"))
        letters = self._sqs.create_queue(dead, FifoQueue="true")
        policy = json.dumps(
            {"deadLetterTargetArn": letters.queue_arn, "maxReceiveCount": DEAD_LETTERS_AFTER}
        )
        self._sqs.create_queue(reports, FifoQueue="true", RedrivePolicy=policy)
        self._sqs.create_queue(self._events_queue)
        return Setup(
            launch_template_amd64=self._make_template("amd64", "x86_64"),
            launch_template_arm64=self._make_template("arm64", "arm64"),
            subnets=tuple(s.subnet_id for s in subnets),
            private_subnets=tuple(map(self._make_subnet, subnets, PRIVATE_CIDRS)),
            reports_queue_url=f"{url}/{ACCOUNT}/{reports}",
            dead_letter_queue_url=f"{url}/{ACCOUNT}/{dead}",
            events_queue_url=f"{url}/{ACCOUNT}/{self._events_queue}",
            ssm_prefix=ssm_prefix,
        )

    def _make_template(self, arch: str, machine: str) -> str:
        image = self._ec2.register_image(f"runs-fleet-{arch}")
        image.architecture = machine
        data = {
            "ImageId": image.id,
            "MetadataOptions": {"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
            "InstanceInitiatedShutdownBehavior": "terminate",
        }
        made = self._ec2.create_launch_template(f"runs-fleet-{arch}", "", data, {})
        return str(made.id)

    def _make_subnet(self, beside: Subnet, cidr: str) -> str:
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
