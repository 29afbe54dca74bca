"""Where machines are launched: an account's launch templates and subnets, looked up once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runs_fleet import names
from runs_fleet.aws.errors import translated
from runs_fleet.errors import Refused
from runs_fleet.models import Arch
from runs_fleet.providers.ec2.cache import Cached

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import ResponseLaunchTemplateDataTypeDef

DEFAULT_VERSION = "$Default"
TEMPLATES_HOLD = 300.0
SUBNETS_HOLD = 3600.0
EBS_KEPT = ("Encrypted", "Iops", "KmsKeyId", "Throughput", "VolumeSize", "VolumeType")


@dataclass(frozen=True)
class Site:
    """What an operator configures.

    `templates` names each architecture's launch template, by id or name, with an optional
    version: `lt-0abc`, `runner-arm64` or `runner-arm64:7`; without one, the template's default
    version is looked up every five minutes. A job that names no architecture gets `default_arch`,
    or any of them. `families` are the default families, instead of ours.
    Of several subnets in one zone the first counts. `fleet` tells this fleet's machines from those
    of another in the same account.
    """

    templates: Mapping[Arch, str]
    subnets: Sequence[str] = ()
    private_subnets: Sequence[str] = ()
    default_arch: Arch | None = None
    families: Sequence[str] = ()
    fleet: str = names.DEFAULT_FLEET


@dataclass(frozen=True)
class Subnet:
    """One subnet and its zone."""

    subnet_id: str
    zone: str


@dataclass(frozen=True)
class RootVolume:
    """The root device of a template's image, and how the template wants it."""

    device: str
    ebs: Mapping[str, Any]


@dataclass(frozen=True)
class LaunchTemplate:
    """One version of a launch template, by number: `$Default` may change between two calls."""

    template_id: str
    version: str
    image_id: str = ""
    root: RootVolume | None = None


class Grounds:
    """The site as EC2 knows it."""

    def __init__(
        self, ec2: EC2Client, site: Site, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ec2 = ec2
        self._site = site
        self._templates = Cached(self._load_templates, ttl=TEMPLATES_HOLD, clock=clock)
        self._subnets = Cached(self._load_subnets, ttl=SUBNETS_HOLD, clock=clock)
        self._roots: dict[str, RootVolume] = {}

    def templates(self) -> Mapping[Arch, LaunchTemplate]:
        """Return each architecture's launch template."""
        return self._templates.get()

    def subnets(self, *, private: bool) -> tuple[Subnet, ...]:
        """Return one subnet per zone. Raises Refused when none is configured."""
        site = self._site
        wanted = site.private_subnets if private else site.subnets or site.private_subnets
        if not wanted:
            kind = "private=true needs private subnets, and none is" if private else "no subnet is"
            raise Refused(f"{kind} configured")
        known = self._subnets.get()
        zones = {known[each]: each for each in reversed(wanted)}
        return tuple(Subnet(zones[zone], zone) for zone in sorted(zones))

    def zones(self) -> Mapping[str, str]:
        """Return the zone of each subnet."""
        return self._subnets.get()

    def root(self, template: LaunchTemplate) -> RootVolume:
        """Return the root volume, from the template or else from its image."""
        if template.root:
            return template.root
        if template.image_id not in self._roots:
            self._roots[template.image_id] = self._load_root(template.image_id)
        return self._roots[template.image_id]

    def _load_templates(self) -> Mapping[Arch, LaunchTemplate]:
        return {arch: self._load_template(text) for arch, text in self._site.templates.items()}

    def _load_template(self, text: str) -> LaunchTemplate:
        name, _, version = text.partition(":")
        which: dict[str, Any] = (
            {"LaunchTemplateId": name} if name.startswith("lt-") else {"LaunchTemplateName": name}
        )
        with translated(f"launch template {text!r}"):
            found = self._ec2.describe_launch_template_versions(
                **which, Versions=[version or DEFAULT_VERSION], ResolveAlias=True
            )["LaunchTemplateVersions"]
        if not found:
            raise Refused(f"launch template {text!r} has no such version")
        data = found[0]["LaunchTemplateData"]
        return LaunchTemplate(
            template_id=found[0]["LaunchTemplateId"],
            version=str(found[0]["VersionNumber"]),
            image_id=data.get("ImageId", ""),
            root=_root_of(data),
        )

    def _load_subnets(self) -> Mapping[str, str]:
        wanted = dict.fromkeys((*self._site.subnets, *self._site.private_subnets))
        with translated("subnets"):
            found = self._ec2.describe_subnets(SubnetIds=list(wanted))["Subnets"]
        return {each["SubnetId"]: each["AvailabilityZone"] for each in found}

    def _load_root(self, image_id: str) -> RootVolume:
        with translated(f"image {image_id!r}"):
            images = self._ec2.describe_images(ImageIds=[image_id])["Images"]
        if not images:
            raise Refused(f"image {image_id!r} of the launch template does not exist")
        device = images[0]["RootDeviceName"]
        mappings = {each.get("DeviceName"): each for each in images[0]["BlockDeviceMappings"]}
        size = mappings.get(device, {}).get("Ebs", {}).get("VolumeSize", 0)
        return RootVolume(device, {"VolumeSize": size})


def _root_of(data: ResponseLaunchTemplateDataTypeDef) -> RootVolume | None:
    """Read a template's only volume as its root: templates rarely say more than its size."""
    mappings = [each for each in data.get("BlockDeviceMappings", []) if "Ebs" in each]
    if len(mappings) != 1:
        return None
    ebs: Mapping[str, Any] = {**mappings[0]["Ebs"]}
    kept = {key: ebs[key] for key in EBS_KEPT if ebs.get(key) is not None}
    return RootVolume(mappings[0]["DeviceName"], kept)
