"""AWS: whether we may and can buy machines, and machines find what they need."""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from cli.checks.findings import Look, Opened, Verdict, failed, well, worst
from runs_fleet import names, placement
from runs_fleet.aws.clients import Clients, clients
from runs_fleet.aws.errors import code_of, translated
from runs_fleet.models import Arch
from runs_fleet.settings import Ec2Settings, LaunchTemplate

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import FilterTypeDef, SubnetTypeDef

OPENS = ("AWS credentials",)
THREADS = 8
FEW_ADDRESSES = 20
OFFERS_PAGE = 1000
GENERAL_PURPOSE = frozenset("cmr")
ARCHES: Mapping[Arch, str] = {"amd64": "x86_64", "arm64": "arm64"}
MANAGED, FLEET = f"{names.PREFIX}:managed", f"{names.PREFIX}:fleet"
NOT_ENDED = ["pending", "running", "stopping", "stopped"]
TEMPLATE = "make a new version of it, docs/configuration.md#what-the-launch-template-must-have"


@dataclass(frozen=True)
class Site:
    """The account as the worker reaches it."""

    aws: Clients
    settings: Ec2Settings


def opened(_stack: ExitStack, *, settings: Ec2Settings, region: str | None) -> Opened[Site]:
    """Find out who we are."""
    cure = "set AWS_DEFAULT_REGION, and give a role, AWS_PROFILE or AWS_ACCESS_KEY_ID"
    try:
        session = boto3.Session(region_name=region)
        aws = clients(session, pool=THREADS)
        who = _sts(session).get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        code = "no region" if isinstance(error, NoRegionError) else code_of(error)
        return Opened({OPENS[0]: failed(f"{code}: {error}", cure)})
    said = f"{who['Arn']} in {aws.ec2.meta.region_name}"
    return Opened({OPENS[0]: well(said)}, Site(aws, settings))


def launch_templates(site: Site) -> Verdict:
    """What a machine is made of."""
    bad, odd = list[str](), list[str]()
    for arch, template in site.settings.launch_templates.items():
        data = _template(site, template)
        name = f"{template.id or template.name} ({arch})"
        bad += [f"{name}: {wrong}" for wrong in _cannot_work(site, data, arch)]
        odd += [f"{name}: {wrong}" for wrong in _should_not(data)]
    known = ", ".join(f"{arch}" for arch in site.settings.launch_templates)
    return worst(bad, odd, f"there for {known}", cure=TEMPLATE)


def subnets(site: Site) -> Verdict:
    """Where machines are placed: the more zones the better."""
    found = {each["SubnetId"]: each for each in _subnets(site)}
    odd = list[str]()
    for kind, wanted in (("", site.settings.subnets), ("private ", site.settings.private_subnets)):
        zones = Counter(found[each]["AvailabilityZone"] for each in wanted)
        twice = sorted(zone for zone, number in zones.items() if number > 1)
        odd += [f"of several {kind}subnets in {zone} only the first is used" for zone in twice]
        odd += [f"only one zone has a {kind}subnet: {zone}" for zone in zones if len(zones) == 1]
    odd += [
        f"{name} has {each['AvailableIpAddressCount']} free addresses"
        for name, each in found.items()
        if each["AvailableIpAddressCount"] < FEW_ADDRESSES
    ]
    places = {each["AvailabilityZone"] for each in found.values()}
    good = f"{len(found)} in {len(places)} zones"
    return worst(
        [], odd, good, cure="name one roomy subnet for each zone in RUNS_FLEET_EC2_SUBNETS"
    )


def instance_types(site: Site) -> Verdict:
    """What is for sale where we have subnets."""
    wanted, sold = site.settings.families, _sold(site)
    zones = sorted({each["AvailabilityZone"] for each in _subnets(site)})
    there = {family for zone in zones for family in sold[zone]}
    cure = "change RUNS_FLEET_EC2_FAMILIES or RUNS_FLEET_EC2_SUBNETS"
    if not there:
        words = ", ".join(wanted) or "no c, m or r type"
        return failed(f"{words}: not sold in {', '.join(zones)}", cure)
    odd = [f"{family} is sold in none of our zones" for family in wanted if family not in there]
    odd += [f"nothing that we buy is sold in {zone}" for zone in zones if not sold[zone]]
    return worst([], odd, f"{len(there)} families in {len(zones)} zones", cure=cure)


def parameter_store(site: Site) -> Verdict:
    """Write, read and remove a parameter as a runner's configuration is."""
    path = f"{site.settings.ssm_prefix}/doctor-{secrets.token_hex(4)}"
    with translated(f"write {path}"):
        site.aws.ssm.put_parameter(
            Name=path, Value="written by `runs-fleet doctor`", Type="SecureString", Overwrite=True
        )
    with translated(f"remove {path}, which was written"):
        site.aws.ssm.delete_parameter(Name=path)
    return well(f"parameters below {site.settings.ssm_prefix} can be written and removed")


def fleets(site: Site) -> Verdict:
    """Who else has machines here: a fleet takes away what bears its own name."""
    filters: list[FilterTypeDef] = [
        {"Name": f"tag:{MANAGED}", "Values": ["true"]},
        {"Name": "instance-state-name", "Values": NOT_ENDED},
    ]
    found = Counter[str]()
    with translated("list machines"):
        for page in site.aws.ec2.get_paginator("describe_instances").paginate(Filters=filters):
            for each in (one for held in page["Reservations"] for one in held["Instances"]):
                tags = {tag.get("Key"): tag.get("Value") for tag in each.get("Tags", [])}
                found[tags.get(FLEET) or names.DEFAULT_FLEET] += 1
    ours = found.pop(site.settings.fleet, 0)
    others = "".join(f"; the fleet {name!r} has {number}" for name, number in sorted(found.items()))
    return well(f"{site.settings.fleet!r} has {ours} machines here{others}")


def _sts(session: boto3.Session) -> Any:
    config = Config(connect_timeout=3, read_timeout=9, retries={"total_max_attempts": 1})
    return session.client("sts", config=config)


def _template(site: Site, template: LaunchTemplate) -> Mapping[str, Any]:
    named: dict[str, Any] = which(template)
    version = named.pop("Version")
    with translated(f"launch template {template.id or template.name}"):
        [found] = site.aws.ec2.describe_launch_template_versions(
            **named, Versions=[version], ResolveAlias=True
        )["LaunchTemplateVersions"]
    return found["LaunchTemplateData"]


def _cannot_work(site: Site, data: Mapping[str, Any], arch: Arch) -> list[str]:
    image = data.get("ImageId", "")
    if not image:
        return ["it names no image"]
    with translated(f"image {image}"):
        found = site.aws.ec2.describe_images(ImageIds=[image])["Images"]
    if not found:
        return [f"its image {image} does not exist, or is not shared with this account"]
    there = found[0].get("Architecture", "")
    return [] if there == ARCHES[arch] else [f"its image {image} is for {there}"]


def _should_not(data: Mapping[str, Any]) -> list[str]:
    metadata = data.get("MetadataOptions", {})
    wrong = {
        "no instance profile: the agent cannot fetch its configuration": data.get(
            "IamInstanceProfile"
        ),
        "no user data that starts the agent": data.get("UserData"),
        "a machine that shuts itself down is stopped, not terminated": data.get(
            "InstanceInitiatedShutdownBehavior"
        )
        == "terminate",
        "IMDSv2 is not required": metadata.get("HttpTokens") == "required",
        "containers reach the machine's credentials: HttpPutResponseHopLimit is above 1": (
            metadata.get("HttpPutResponseHopLimit", 1) == 1
        ),
    }
    return [words for words, right in wrong.items() if not right]


def _subnets(site: Site) -> Sequence[SubnetTypeDef]:
    wanted = dict.fromkeys((*site.settings.subnets, *site.settings.private_subnets))
    with translated("subnets"):
        return site.aws.ec2.describe_subnets(SubnetIds=list(wanted))["Subnets"]


def _sold(site: Site) -> Mapping[str, set[str]]:
    """List for each zone the families that we buy, and it has."""
    wanted, sold = site.settings.families, defaultdict[str, set[str]](set)
    with translated("instance type offerings"):
        pages = site.aws.ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", PaginationConfig={"PageSize": OFFERS_PAGE}
        )
        for each in (offer for page in pages for offer in page["InstanceTypeOfferings"]):
            family = placement.family(each["InstanceType"])
            if family.name in wanted or (not wanted and family.series in GENERAL_PURPOSE):
                sold[each["Location"]].add(family.name)
    return sold


def which(template: LaunchTemplate) -> dict[str, str]:
    """Name a template and its version as calls do."""
    version = str(template.version or "$Default")
    if template.id:
        return {"LaunchTemplateId": template.id, "Version": version}
    return {"LaunchTemplateName": template.name or "", "Version": version}


CHECKS: Mapping[str, Look[Site]] = {
    "launch templates": launch_templates,
    "subnets": subnets,
    "instance types": instance_types,
    "Parameter Store": parameter_store,
    "fleets": fleets,
}
