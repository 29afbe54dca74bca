"""CreateFleet of type instant: what a request asks for, and what it may buy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.aws import capacity
from simulator.aws.account import Account, Subnet, Template, instance_type, offered
from simulator.aws.capacity import Candidate, Pool, Pools
from simulator.aws.errors import AwsError
from simulator.aws.models import MarketName

MOST_OVERRIDES = 300
MOST_TAGS = 50
LONGEST_TOKEN = 64
LONGEST_KEY, LONGEST_VALUE = 128, 256
TAGGABLE = {"fleet", "instance"}
SPOT_STRATEGIES = {
    "lowest-price",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
}


@dataclass(frozen=True)
class Purchase:
    """One candidate and how many machines of it."""

    candidate: Candidate
    number: int


@dataclass(frozen=True)
class FleetRequest:
    """What one CreateFleet call asks for, checked as far as EC2 checks before it tries."""

    params: dict[str, Any]

    @property
    def token(self) -> str:
        """The caller's idempotency key."""
        return str(self.params.get("ClientToken", ""))

    @property
    def targets(self) -> dict[MarketName, int]:
        """How many machines of each market."""
        wanted = self.params["TargetCapacitySpecification"]
        total = int(wanted["TotalTargetCapacity"])
        spot = int(wanted.get("SpotTargetCapacity", 0))
        firm = int(wanted.get("OnDemandTargetCapacity", 0))
        if wanted.get("DefaultTargetCapacityType", "on-demand") == "spot":
            return {"spot": total - firm, "on-demand": firm}
        return {"spot": spot, "on-demand": total - spot}

    @property
    def tags(self) -> dict[str, str]:
        """Tags for the instances."""
        return instance_tags(self.params)

    def options(self, market: MarketName) -> dict[str, Any]:
        """The options of one market."""
        found = self.params.get("SpotOptions" if market == "spot" else "OnDemandOptions", {})
        return dict(found)

    def strategy(self, market: MarketName) -> str:
        """The allocation strategy of one market."""
        return str(self.options(market).get("AllocationStrategy", "lowest-price"))

    def check(self) -> None:
        """Refuse what EC2 refuses before it tries to buy."""
        if len(self.token) > LONGEST_TOKEN:
            message = f"ClientToken may have at most {LONGEST_TOKEN} ASCII characters"
            raise AwsError("InvalidParameterValue", message)
        if self.params.get("Type", "maintain") != "instant":
            raise AwsError("UnsupportedOperation", "this world has fleets of type instant only")
        for needed in ("LaunchTemplateConfigs", "TargetCapacitySpecification"):
            if needed not in self.params:
                message = f"The request must contain the parameter {needed}"
                raise AwsError("MissingParameter", message)
        overrides = sum(len(c.get("Overrides", ())) for c in self.params["LaunchTemplateConfigs"])
        if overrides > MOST_OVERRIDES:
            message = f"A fleet may have at most {MOST_OVERRIDES} launch specifications"
            raise AwsError("InvalidParameterValue", message)
        if self.strategy("spot") not in SPOT_STRATEGIES:
            message = f"AllocationStrategy {self.strategy('spot')} is invalid"
            raise AwsError("InvalidParameterValue", message)
        check_tags(self.params)


def instance_tags(params: dict[str, Any]) -> dict[str, str]:
    """Read the tags that a request gives to instances."""
    return {
        tag["Key"]: tag.get("Value", "")
        for spec in params.get("TagSpecification", ())
        if spec["ResourceType"] == "instance"
        for tag in spec.get("Tag", ())
    }


def check_tags(params: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions."""
    for spec in params.get("TagSpecification", ()):
        tags = spec.get("Tag", ())
        if spec["ResourceType"] not in TAGGABLE:
            kind = spec["ResourceType"]
            message = f"'{kind}' is not a valid taggable resource type for this operation."
            raise AwsError("InvalidParameterValue", message)
        if len(tags) > MOST_TAGS:
            raise AwsError("TagLimitExceeded", f"at most {MOST_TAGS} tags")
        for tag in tags:
            check_tag(tag["Key"], tag.get("Value", ""))


def check_tag(key: str, value: str) -> None:
    """Refuse a tag that is too long or AWS's own."""
    if key.lower().startswith("aws:"):
        message = "Tag keys starting with 'aws:' are reserved for internal use"
        raise AwsError("InvalidParameterValue", message)
    if len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
        longest = f"{LONGEST_KEY} (key) or {LONGEST_VALUE} (value)"
        message = f"Tag '{key[:40]}' exceeds the maximum length of {longest}"
        raise AwsError("InvalidParameterValue", message)


class Market:
    """Turns a request's overrides into candidates, and candidates into purchases."""

    def __init__(self, account: Account, pools: Pools) -> None:
        self._account = account
        self._pools = pools

    def buy(
        self, request: FleetRequest, market: MarketName, number: int
    ) -> tuple[list[Purchase], list[dict[str, Any]]]:
        """Choose what to buy, with an error for each override that was tried in vain."""
        candidates, errors = self._candidates(request, market)
        strategy = request.strategy(market)
        order = capacity.ranked(candidates, strategy=strategy, pools=self._pools)
        given = capacity.shares(order, number, spread=strategy == "diversified", pools=self._pools)
        short = sum(given) < number
        last = max((index for index, taken in enumerate(given) if taken), default=-1)
        tried = order if short else order[: last + 1]
        errors += [
            self._empty(candidate, market)
            for candidate, taken in zip(tried, given, strict=False)
            if taken >= self._pools.free(candidate.pool) and (short or not taken)
        ]
        if sum(given) < int(request.options(market).get("MinTargetCapacity", 0)):
            return [], errors
        return [Purchase(c, n) for c, n in zip(order, given, strict=True) if n], errors

    def _candidates(
        self, request: FleetRequest, market: MarketName
    ) -> tuple[list[Candidate], list[dict[str, Any]]]:
        found: list[Candidate] = []
        errors: list[dict[str, Any]] = []
        for template, override in self._overrides(request):
            try:
                found += self._places(template, override, market)
            except AwsError as error:
                errors.append(failure(template, override, market, error))
        return found, errors

    def _overrides(self, request: FleetRequest) -> Iterator[tuple[Template, dict[str, Any]]]:
        for config in request.params["LaunchTemplateConfigs"]:
            template = self._account.template(config.get("LaunchTemplateSpecification", {}))
            for override in config.get("Overrides") or [{}]:
                yield template, override

    def _places(
        self, template: Template, override: dict[str, Any], market: MarketName
    ) -> list[Candidate]:
        name = override.get("InstanceType") or template.data.get("InstanceType", "")
        details = instance_type(name)
        if details is None:
            raise AwsError("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
        arch = self._arch(template, details)
        return [
            Candidate(
                pool=Pool(market, name, subnet.zone),
                subnet=subnet.subnet_id,
                arch=arch,
                price=capacity.price(details, market=market),
                priority=float(override.get("Priority", "inf")),
                template=template,
                override=override,
            )
            for subnet in self._subnets(name, override)
        ]

    def _arch(self, template: Template, details: dict[str, Any]) -> str:
        offered_archs: list[str] = details["ProcessorInfo"]["SupportedArchitectures"]
        image = self._account.image_arch(template.data.get("ImageId", ""))
        if image and image not in offered_archs:
            message = (
                f"The architecture '{offered_archs[-1]}' of the specified instance type does not "
                f"match the architecture '{image}' of the specified AMI."
            )
            raise AwsError("InvalidParameterValue", message)
        return image or offered_archs[-1]

    def _subnets(self, name: str, override: dict[str, Any]) -> list[Subnet]:
        wanted = override.get("SubnetId")
        zone = override.get("AvailabilityZone")
        if wanted is None:
            return [s for s in self._account.default_subnets() if zone in (None, s.zone)]
        subnet = self._account.subnet(wanted)
        if subnet is None:
            message = f"The subnet ID '{wanted}' does not exist"
            raise AwsError("InvalidSubnetID.NotFound", message)
        if (name, subnet.zone) not in offered(self._account.region):
            message = (
                f"Your requested instance type ({name}) is not supported in your requested "
                f"Availability Zone ({subnet.zone})."
            )
            raise AwsError("Unsupported", message)
        return [subnet]

    def _empty(self, candidate: Candidate, market: MarketName) -> dict[str, Any]:
        code = self._pools.error(candidate.pool)
        message = (
            f"We currently do not have sufficient {candidate.pool.instance_type} capacity in the "
            f"Availability Zone you requested ({candidate.pool.zone})."
        )
        return failure(candidate.template, candidate.override, market, AwsError(code, message))


def failure(
    template: Template, override: dict[str, Any], market: MarketName, error: AwsError
) -> dict[str, Any]:
    """Show one override that could not be bought."""
    return {
        "LaunchTemplateAndOverrides": shown(template, override),
        "Lifecycle": market,
        "ErrorCode": error.code,
        "ErrorMessage": error.message,
    }


def shown(template: Template, override: dict[str, Any]) -> dict[str, Any]:
    """Show which template and override an answer speaks of."""
    return {
        "LaunchTemplateSpecification": {
            "LaunchTemplateId": template.template_id,
            "Version": str(template.version),
        },
        "Overrides": {
            key: override[key]
            for key in ("InstanceType", "SubnetId", "AvailabilityZone", "Priority")
            if key in override
        },
    }
