"""AWS: whether machines may be bought, asked without buying one."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.checks.ec2 import FLEET, MANAGED, Site, which
from cli.checks.findings import Look, Verdict, worst
from runs_fleet.aws.errors import code_of
from runs_fleet.models import Arch

FAMILIES: Mapping[Arch, str] = {"amd64": "c7i", "arm64": "c7g"}
ALLOWED, UNAUTHORIZED = "DryRunOperation", "UnauthorizedOperation"
POLICY = "give the worker docs/configuration.md#the-workers-policy"


def launch_permission(site: Site) -> Verdict:
    """Ask for a machine as the worker does, without getting one."""
    bad = list[str]()
    for arch, template in site.settings.launch_templates.items():
        named, kind = which(template), f"{FAMILIES[arch]}.large"
        bad += _refusal(site, "create_fleet", _fleet_request(site, named, kind))
        bad += _refusal(site, "run_instances", _instance_request(site, named, kind))
    return worst(
        list(dict.fromkeys(bad)), [], "CreateFleet and RunInstances are allowed", cure=POLICY
    )


def _fleet_request(site: Site, template: Mapping[str, str], kind: str) -> dict[str, Any]:
    override = {"InstanceType": kind, "SubnetId": site.settings.subnets[0]}
    config = {"LaunchTemplateSpecification": template, "Overrides": [override]}
    return {
        "Type": "instant",
        "LaunchTemplateConfigs": [config],
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": "spot",
        },
        "TagSpecifications": [_tags(site, "fleet"), _tags(site, "instance")],
    }


def _instance_request(site: Site, template: Mapping[str, str], kind: str) -> dict[str, Any]:
    return {
        "LaunchTemplate": template,
        "InstanceType": kind,
        "SubnetId": site.settings.subnets[0],
        "MinCount": 1,
        "MaxCount": 1,
        "TagSpecifications": [_tags(site, "instance")],
    }


def _tags(site: Site, kind: str) -> dict[str, Any]:
    tags = {MANAGED: "true", FLEET: site.settings.fleet}
    return {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}


def _refusal(site: Site, call: str, request: Mapping[str, Any]) -> list[str]:
    """Say why a call would not be done, if it would not."""
    try:
        getattr(site.aws.ec2, call)(DryRun=True, **request)
    except ClientError as error:
        code = code_of(error)
        if code == ALLOWED:
            return []
        # Its message is a page of code that only its account can read.
        return [f"{call}: {code if code == UNAUTHORIZED else error}"]
    except BotoCoreError as error:
        return [f"{call}: {error}"]
    return []


CHECKS: Mapping[str, Look[Site]] = {"launch permission": launch_permission}
