"""One machine's CreateFleet request, and what its answer means; pure.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runs_fleet import names
from runs_fleet.aws.errors import (
    CAPACITY,
    MOST_TEXT,
    QUOTA,
    THROTTLE,
    TRANSIENT,
    is_permanent,
    verdict,
)
from runs_fleet.errors import FleetError, NoCapacity, Refused, Unavailable
from runs_fleet.market import Kind, Offer
from runs_fleet.models import Arch, Machine, MachineOrder, Market
from runs_fleet.placement import InstanceType
from runs_fleet.providers.ec2.capacity import Avoided
from runs_fleet.providers.ec2.site import LaunchTemplate, RootVolume, Subnet

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import CreateFleetErrorTypeDef, CreateFleetResultTypeDef

RUNNER_TAG = f"{names.PREFIX}:runner"
TOKEN_TAG = f"{names.PREFIX}:token"
REPO_TAG = f"{names.PREFIX}:repo"
MANAGED_TAG = f"{names.PREFIX}:managed"
FLEET_TAG = f"{names.PREFIX}:fleet"
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/fleet-quotas.html
MOST_OVERRIDES = 300
LONGEST_TAG = 256
DIGEST = 10
LISTED = 5


@dataclass(frozen=True)
class Choice:
    """A type in a subnet."""

    type: InstanceType
    subnet: Subnet

    def offer(self, market: Market) -> Offer:
        return Offer(market, self.type.name, self.subnet.zone)

    def kind(self, market: Market) -> Kind:
        return Kind(market, self.type.name)


def choices(
    types: Sequence[InstanceType],
    subnets: Sequence[Subnet],
    *,
    market: Market,
    avoided: Avoided,
) -> tuple[Choice, ...]:
    """Pair types with the subnets whose zones offer them, without what is to be avoided.

    When that leaves nothing, what is taken away too often is better than what is sold out; when
    everything is sold out, everything is asked for: the memory may be wrong by now.
    """
    pairs = [
        Choice(each, subnet)
        for each in types
        if each.spot or market is not Market.SPOT
        for subnet in subnets
        if subnet.zone in each.zones
    ]
    there = [each for each in pairs if each.offer(market) not in avoided.offers]
    stays = [each for each in there if each.kind(market) not in avoided.kinds]
    return tuple((stays or there or pairs)[:MOST_OVERRIDES])


def fleet_request(
    order: MachineOrder,
    chosen: Sequence[Choice],
    *,
    templates: Mapping[Arch, LaunchTemplate],
    roots: Mapping[Arch, RootVolume],
    fleet: str = names.DEFAULT_FLEET,
) -> dict[str, Any]:
    """Write the request; `roots` are needed only for an order that names a disk size."""
    by_arch = defaultdict[Arch, list[dict[str, Any]]](list)
    for choice in chosen:
        by_arch[choice.type.arch].append(_override(choice, order, roots))
    return {
        "Type": "instant",
        "ClientToken": client_token(order.token, fleet),
        "TargetCapacitySpecification": {
            "TotalTargetCapacity": 1,
            "DefaultTargetCapacityType": order.rung.market.value,
        },
        "LaunchTemplateConfigs": [
            _config(templates[arch], overrides) for arch, overrides in by_arch.items()
        ],
        **_strategy(order.rung.market),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags(order, fleet)} for kind in ("fleet", "instance")
        ],
    }


def client_token(token: str, fleet: str) -> str:
    """Tell one fleet's orders from another's: tokens count for the whole account and region.

    Two fleets may have jobs of the same id when they serve two GitHub hosts. Digested, because
    EC2 takes 64 characters: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    if fleet == names.DEFAULT_FLEET:
        return token
    return f"{token}-{hashlib.sha256(fleet.encode()).hexdigest()[:DIGEST]}"


def tags(order: MachineOrder, fleet: str) -> list[dict[str, str]]:
    """Name the machine's owner, for whoever finds it; anyone who may describe it reads this."""
    facts = {
        "Name": order.runner,
        RUNNER_TAG: order.runner,
        TOKEN_TAG: order.token,
        f"{names.PREFIX}:job-id": str(order.job_id),
        f"{names.PREFIX}:attempt": str(order.attempt),
        f"{names.PREFIX}:workflow-id": names.lifecycle(order.job_id),
        REPO_TAG: order.repo[:LONGEST_TAG],
        FLEET_TAG: fleet,
        MANAGED_TAG: "true",
    }
    return [{"Key": key, "Value": value} for key, value in facts.items()]


def machine(answer: CreateFleetResultTypeDef, zones: Mapping[str, str]) -> Machine | None:
    """Read the machine that a fleet started, or None when it started none."""
    return next(machines(answer, zones), None)


def machines(answer: CreateFleetResultTypeDef, zones: Mapping[str, str]) -> Iterator[Machine]:
    """Read all machines that a fleet started."""
    for found in answer.get("Instances", []):
        overrides = found.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
        subnet = found.get("SubnetId") or overrides.get("SubnetId", "")
        for machine_id in found.get("InstanceIds", []):
            yield Machine(
                machine_id=machine_id,
                machine_type=found.get("InstanceType") or overrides.get("InstanceType", ""),
                market=Market(found.get("Lifecycle", Market.ON_DEMAND)),
                zone=found.get("AvailabilityZone") or zones.get(subnet, ""),
            )


def sold_out(answer: CreateFleetResultTypeDef, zones: Mapping[str, str]) -> list[Offer]:
    """List the offers that the answer calls full, also beside a machine that was started."""
    full = [each for each in answer.get("Errors", []) if each.get("ErrorCode") in CAPACITY]
    offers = [_offer(each, zones) for each in full]
    return [offer for offer in offers if offer.type_name and offer.zone]


def failure(answer: CreateFleetResultTypeDef, zones: Mapping[str, str]) -> FleetError:
    """Say why a fleet started nothing.

    Errors come per override, not per missing machine, so one of them that another try may pass
    outweighs the rest.
    """
    errors = answer.get("Errors", [])
    if not errors:
        return NoCapacity("EC2 started no machine and gave no reason")
    codes = {each.get("ErrorCode", "") for each in errors}
    text = _summary(errors, zones)
    if codes & (CAPACITY | QUOTA):
        return NoCapacity(f"quota: {text}" if codes & QUOTA else text)
    if throttled := codes & THROTTLE:
        return verdict(throttled.pop(), text)
    if codes & TRANSIENT:
        return Unavailable(text)
    return Refused(text) if all(map(is_permanent, codes)) else NoCapacity(text)


def _override(
    choice: Choice, order: MachineOrder, roots: Mapping[Arch, RootVolume]
) -> dict[str, Any]:
    override: dict[str, Any] = {
        "InstanceType": choice.type.name,
        "SubnetId": choice.subnet.subnet_id,
    }
    if order.spec.disk:
        override["BlockDeviceMappings"] = [_disk(order.spec.disk, roots[choice.type.arch])]
    return override


def _disk(size: int, root: RootVolume) -> dict[str, Any]:
    # A volume cannot be smaller than the image's snapshot.
    size = max(size, root.ebs.get("VolumeSize", 0))
    ebs = {"VolumeType": "gp3", **root.ebs, "VolumeSize": size, "DeleteOnTermination": True}
    return {"DeviceName": root.device, "Ebs": ebs}


def _config(template: LaunchTemplate, overrides: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "LaunchTemplateSpecification": {
            "LaunchTemplateId": template.template_id,
            "Version": template.version,
        },
        "Overrides": overrides,
    }


def _strategy(market: Market) -> dict[str, Any]:
    if market is Market.SPOT:
        return {"SpotOptions": {"AllocationStrategy": "price-capacity-optimized"}}
    return {"OnDemandOptions": {"AllocationStrategy": "lowest-price"}}


def _offer(error: CreateFleetErrorTypeDef, zones: Mapping[str, str]) -> Offer:
    overrides = error.get("LaunchTemplateAndOverrides", {}).get("Overrides", {})
    zone = overrides.get("AvailabilityZone") or zones.get(overrides.get("SubnetId", ""), "")
    market = Market(error.get("Lifecycle", Market.ON_DEMAND))
    return Offer(market, overrides.get("InstanceType", ""), zone)


def _summary(errors: Iterable[CreateFleetErrorTypeDef], zones: Mapping[str, str]) -> str:
    """Name each code once, with the first types and zones it was said of.

    What is wrong with a request only EC2's message tells; what is full the code says.
    """
    places, reasons = defaultdict[str, dict[str, None]](dict), dict[str, str]()
    for each in errors:
        code, offer = each.get("ErrorCode", "unknown"), _offer(each, zones)
        places[code][" in ".join(filter(None, (offer.type_name, offer.zone)))] = None
        reasons.setdefault(code, each.get("ErrorMessage", "") if code not in CAPACITY else "")
    return "; ".join(
        f"{code} ({_list(places[code])}){reason and ': '}{reason[:MOST_TEXT]}"
        for code, reason in reasons.items()
    )


def _list(places: Collection[str]) -> str:
    shown = list(places)[:LISTED]
    rest = len(places) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
