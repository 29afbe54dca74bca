"""A pool's member as EC2 has it: what is asked for, its tags, and how they are read; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from runs_fleet import names
from runs_fleet.models import MachineOrder, Market, Rung
from runs_fleet.pools.wire import MemberOrder, MemberStatus
from runs_fleet.providers.ec2 import fleet, instances
from runs_fleet.providers.ec2.site import LaunchTemplate

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import InstanceTypeDef, TagTypeDef

POOL_TAG = f"{names.PREFIX}:pool"
MEMBER_TAG = f"{names.PREFIX}:member"
SPEC_TAG = f"{names.PREFIX}:spec"


def as_order(order: MemberOrder) -> MachineOrder:
    """Spell it as an order for a runner's machine, which is bought the same way."""
    return MachineOrder(
        runner=order.member,
        token=order.token,
        job_id=0,
        attempt=0,
        repo="",
        spec=order.spec,
        rung=Rung(market=Market.ON_DEMAND, wide=order.wide),
    )


def tags(order: MemberOrder, fleet_name: str) -> list[TagTypeDef]:
    """Say whose the machine is while it is no runner's."""
    return _tags(
        {
            "Name": order.member,
            POOL_TAG: order.pool,
            MEMBER_TAG: order.member,
            SPEC_TAG: order.spec_hash,
            fleet.TOKEN_TAG: order.token,
            fleet.FLEET_TAG: fleet_name,
            fleet.MANAGED_TAG: "true",
        }
    )


def mark(runner: str, repo: str) -> list[TagTypeDef]:
    """Say that the machine is this runner's from here on, as one made for it would."""
    owner = names.owner(runner)
    job = (
        {
            f"{names.PREFIX}:job-id": str(owner[0]),
            f"{names.PREFIX}:attempt": str(owner[1]),
            f"{names.PREFIX}:workflow-id": names.lifecycle(owner[0]),
        }
        if owner
        else {}
    )
    place = {fleet.REPO_TAG: repo[: fleet.LONGEST_TAG]} if repo else {}
    return _tags({"Name": runner, fleet.RUNNER_TAG: runner, **job, **place})


def marked(raw: InstanceTypeDef) -> str:
    """Name the runner that has taken the member, or ""."""
    return instances.tags(raw).get(fleet.RUNNER_TAG, "")


def status(raw: InstanceTypeDef, *, wake: str) -> MemberStatus:
    """Read a member's machine."""
    found = instances.tags(raw)
    return MemberStatus(
        member=found.get(MEMBER_TAG, ""),
        machine=instances.machine(raw),
        state=instances.status(raw).state,
        spec_hash=found.get(SPEC_TAG, ""),
        runner=marked(raw),
        repo=found.get(fleet.REPO_TAG, "") if marked(raw) else "",
        wake=wake,
        launched_at=raw.get("LaunchTime"),
    )


def made_of(templates: Iterable[LaunchTemplate]) -> str:
    """Name versions of launch templates and their images: an alias may mean another image soon."""
    return ",".join(sorted(f"{t.template_id}:{t.version}:{t.image_id}" for t in templates))


def _tags(facts: Mapping[str, str]) -> list[TagTypeDef]:
    return [{"Key": key, "Value": value} for key, value in facts.items()]
