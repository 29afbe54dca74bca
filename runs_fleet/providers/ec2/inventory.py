"""All that the fleet has in an account: machines by their tags, configs by their path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet import names
from runs_fleet.aws.errors import code_of, translate, translated
from runs_fleet.budget import Budget
from runs_fleet.census import HeldConfig, OwnedMachine
from runs_fleet.providers.ec2 import batches, instances, members
from runs_fleet.providers.ec2.budgets import AwsBudgets, out_of
from runs_fleet.providers.ec2.fleet import MANAGED_TAG
from runs_fleet.providers.ec2.lookup import Lookup
from runs_fleet.providers.ec2.provider import NOT_FOUND
from runs_fleet.providers.ec2.standby import StandbyQueues

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef
    from types_boto3_ssm.client import SSMClient
    from types_boto3_ssm.type_defs import ParameterStringFilterTypeDef

NOT_ENDED = ("pending", "running", "stopping", "stopped")
MACHINE_ID = re.compile(r"i-[0-9a-f]+")
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
MOST_PARAMETERS = 50
# SQS's list does not tell since when there is a queue.
LONG_AGO = datetime.fromtimestamp(0, UTC)


class Ec2Inventory:
    """The Inventory port. Parameters are listed by their metadata: no value is ever read.

    `standby` are the queues of machines that stand by; they go with their machines' configs.
    """

    def __init__(
        self,
        ec2: EC2Client,
        ssm: SSMClient,
        prefix: str,
        *,
        fleet: str = names.DEFAULT_FLEET,
        standby: StandbyQueues | None = None,
    ) -> None:
        self._ec2, self._ssm = ec2, ssm
        self._prefix = prefix.rstrip("/")
        self._fleet = fleet
        self._budget = AwsBudgets().terminations
        self._lookup, self._standby = Lookup(ec2, fleet), standby

    def sharing(self, terminations: Budget) -> Ec2Inventory:
        """Have a sweep end machines out of the budget of those who end them otherwise."""
        self._budget = terminations
        return self

    def machines(self) -> list[OwnedMachine]:
        """List this fleet's machines that have not ended."""
        found = [each for each in self._alive() if instances.fleet_of(each) == self._fleet]
        owners = self._lookup.owners(found)
        return [_owned(each, owners[each["InstanceId"]]) for each in found]

    def configs(self) -> list[HeldConfig]:
        """List the configs and queues that wait for their machines, without reading them.

        Those of another fleet's machines are not ours, should it use the same prefix.
        """
        held = self._held()
        others = (each for each in self._alive() if instances.fleet_of(each) != self._fleet)
        foreign = {each["InstanceId"] for each in others} if held else set[str]()
        return [*(each for each in held if each.machine_id not in foreign), *self._called(held)]

    def terminate(self, machine_id: str) -> None:
        """Terminate this one machine and no other; already gone is a success."""
        try:
            with out_of(self._budget):
                self._ec2.terminate_instances(InstanceIds=[machine_id])
        except (ClientError, BotoCoreError) as error:
            if code_of(error) != NOT_FOUND:
                raise translate(error, f"terminate {machine_id}") from error

    def _called(self, held: Sequence[HeldConfig]) -> list[HeldConfig]:
        """List the machines that have a queue and no config."""
        known = {each.machine_id for each in held}
        waiting = self._standby.machines() if self._standby is not None else []
        return [
            HeldConfig(machine_id=each, written_at=LONG_AGO)
            for each in waiting
            if each not in known
        ]

    def _alive(self) -> Iterator[InstanceTypeDef]:
        filters: list[FilterTypeDef] = [
            {"Name": f"tag:{MANAGED_TAG}", "Values": ["true"]},
            {"Name": "instance-state-name", "Values": list(NOT_ENDED)},
        ]
        with translated("list machines"):
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=filters):
                for reservation in page["Reservations"]:
                    yield from reservation["Instances"]

    def _held(self) -> list[HeldConfig]:
        below: ParameterStringFilterTypeDef = {
            "Key": "Path",
            "Option": "OneLevel",
            "Values": [self._prefix],
        }
        pages = self._ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[below], PaginationConfig={"PageSize": MOST_PARAMETERS}
        )
        with translated("list configs"):
            return [
                HeldConfig(machine_id=machine_id, written_at=each["LastModifiedDate"])
                for page in pages
                for each in page["Parameters"]
                if MACHINE_ID.fullmatch(machine_id := self._machine_of(each["Name"]))
            ]

    def _machine_of(self, name: str) -> str:
        return name.removeprefix(f"{self._prefix}/")


def _owned(raw: InstanceTypeDef, runner: str) -> OwnedMachine:
    tags = instances.tags(raw)
    return OwnedMachine(
        machine_id=raw["InstanceId"],
        runner=runner,
        pool=tags.get(members.POOL_TAG, ""),
        member=tags.get(members.MEMBER_TAG, ""),
        repo=batches.repo(tags, runner),
        launched_at=raw["LaunchTime"],
    )
