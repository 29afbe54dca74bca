"""The instance types that a region offers, from EC2's own data."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from runs_fleet.aws.errors import translated
from runs_fleet.models import Arch
from runs_fleet.placement import InstanceType
from runs_fleet.providers.ec2.cache import Cached

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import InstanceTypeInfoTypeDef

DAY = 24 * 3600.0
PAGE = 100
OFFERS_PAGE = 1000
ARCHES: Mapping[str, Arch] = {"x86_64": "amd64", "arm64": "arm64"}
ACCELERATORS = (
    "GpuInfo",
    "FpgaInfo",
    "InferenceAcceleratorInfo",
    "NeuronInfo",
    "MediaAcceleratorInfo",
)


class InstanceCatalog:
    """Ask once a day: it takes a dozen calls, and changes when AWS launches something."""

    def __init__(
        self, ec2: EC2Client, *, ttl: float = DAY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ec2 = ec2
        self._cached = Cached(self._load, ttl=ttl, clock=clock)

    def types(self) -> tuple[InstanceType, ...]:
        """Return every type without bare metal; the first reader waits for EC2."""
        return self._cached.get()

    def _load(self) -> tuple[InstanceType, ...]:
        with translated("instance types"):
            zones = self._zones()
            pages = self._ec2.get_paginator("describe_instance_types").paginate(
                Filters=[{"Name": "bare-metal", "Values": ["false"]}],
                PaginationConfig={"PageSize": PAGE},
            )
            found = (
                instance_type(each, zones.get(each["InstanceType"], frozenset()))
                for page in pages
                for each in page["InstanceTypes"]
            )
            return tuple(each for each in found if each)

    def _zones(self) -> Mapping[str, frozenset[str]]:
        zones = defaultdict[str, set[str]](set)
        pages = self._ec2.get_paginator("describe_instance_type_offerings").paginate(
            LocationType="availability-zone", PaginationConfig={"PageSize": OFFERS_PAGE}
        )
        for page in pages:
            for each in page["InstanceTypeOfferings"]:
                zones[each["InstanceType"]].add(each["Location"])
        return {name: frozenset(offered) for name, offered in zones.items()}


def instance_type(raw: InstanceTypeInfoTypeDef, zones: frozenset[str]) -> InstanceType | None:
    """Read one type; None for those that run neither Linux architecture (Macs)."""
    supported = raw["ProcessorInfo"].get("SupportedArchitectures", [])
    arch = next((ARCHES[each] for each in supported if each in ARCHES), None)
    if arch is None:
        return None
    return InstanceType(
        name=raw["InstanceType"],
        vcpus=raw["VCpuInfo"]["DefaultVCpus"],
        memory_mib=raw["MemoryInfo"]["SizeInMiB"],
        arch=arch,
        zones=zones,
        spot="spot" in raw.get("SupportedUsageClasses", []),
        burstable=raw.get("BurstablePerformanceSupported", False),
        accelerated=any(key in raw for key in ACCELERATORS),
        current=raw.get("CurrentGeneration", True),
    )
