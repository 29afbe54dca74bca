"""EC2 as a place to run jobs: one CreateFleet, TerminateInstances or DescribeInstances each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import MISMATCH, code_of, translate, translated
from runs_fleet.errors import NoCapacity, Refused
from runs_fleet.market import Kind
from runs_fleet.models import Arch, Machine, MachineOrder, MachineStatus
from runs_fleet.placement import InstanceType, Terms, choose
from runs_fleet.providers.ec2 import fleet, instances
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.site import Grounds, LaunchTemplate, Site
from runs_fleet.providers.ec2.tokens import Tokens

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import CreateFleetResultTypeDef, FilterTypeDef, InstanceTypeDef

NOT_FOUND = "InvalidInstanceID.NotFound"
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
MOST_FILTER_VALUES = 200


class Catalog(Protocol):
    """Knows the region's instance types."""

    def types(self) -> tuple[InstanceType, ...]: ...


class Ec2Provider:
    """Thread safe; one for each process, since it remembers offers, tokens and the market."""

    def __init__(
        self,
        ec2: EC2Client,
        site: Site,
        *,
        catalog: Catalog | None = None,
        memory: CapacityMemory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ec2 = ec2
        self._site = site
        self._grounds = Grounds(ec2, site, clock=clock)
        self._catalog = catalog or InstanceCatalog(ec2, clock=clock)
        self._memory = memory or CapacityMemory()
        self._tokens = Tokens()

    def warm_up(self) -> None:
        """Look up types, subnets and templates before the first job does. Raises FleetError."""
        self._grounds.templates()
        self._grounds.subnets(private=False)
        self._catalog.types()

    def create(self, order: MachineOrder) -> Machine:
        """Start the order's machine, or find the one that its token started before.

        Raises NoCapacity also when the token's machine has died since: a new try needs a new token.
        """
        asked = self._tokens.ask(order.token, lambda: self._request(order))
        try:
            answer = self._ec2.create_fleet(**asked.request)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == MISMATCH:
                return self._adopt(order)
            raise translate(error, f"create {order.runner}") from error
        self._tokens.answered(order.token)
        made = self._read(answer, order)
        if asked.repeated:
            self._refuse_the_dead(made, order)
        return made

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        """Terminate one known machine, or all of this fleet that bear the runner's name.

        Returns whether any was seen, terminated ones included.
        """
        if machine_id and self._terminate_known(machine_id):
            return True
        found = list(self._named(fleet.RUNNER_TAG, runner))
        alive = [each["InstanceId"] for each in found if not instances.is_gone(each)]
        if alive:
            with translated(f"terminate {runner}"):
                self._ec2.terminate_instances(InstanceIds=alive)
        return bool(found)

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        """Tell the state of machines: by filter, as one unknown id would fail a call by ids."""
        batches = [
            machine_ids[start : start + MOST_FILTER_VALUES]
            for start in range(0, len(machine_ids), MOST_FILTER_VALUES)
        ]
        return [
            instances.status(each)
            for batch in batches
            for each in self._instances({"instance-id": batch})
        ]

    def find(self, runner: str) -> list[MachineStatus]:
        """Tell the state of this fleet's machines of this name; EC2 keeps ended ones an hour.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
        """
        return [instances.status(each) for each in self._named(fleet.RUNNER_TAG, runner)]

    def _request(self, order: MachineOrder) -> dict[str, Any]:
        spec, market = order.spec, order.rung.market
        templates = self._templates(spec.arch or self._site.default_arch)
        subnets = self._grounds.subnets(private=spec.private)
        site = Terms(templates.keys(), [each.zone for each in subnets], self._site.families)
        types = choose(spec, self._catalog.types(), site=site, wide=order.rung.wide)
        kinds = {Kind(market, each.name) for each in types}
        avoided = self._memory.avoided(kinds, token=order.token)
        chosen = fleet.choices(types, subnets, market=market, avoided=avoided)
        if not chosen:
            raise NoCapacity(f"none of the {len(types)} fitting types is sold as {market.value}")
        needed = {each.type.arch for each in chosen} if spec.disk else set[Arch]()
        roots = {arch: self._grounds.root(templates[arch]) for arch in needed}
        return fleet.fleet_request(
            order, chosen, templates=templates, roots=roots, fleet=self._site.fleet
        )

    def _templates(self, arch: Arch | None) -> Mapping[Arch, LaunchTemplate]:
        templates = self._grounds.templates()
        if arch is None:
            return templates
        if arch not in templates:
            raise Refused(
                f"no launch template for arch {arch}; there are templates for {sorted(templates)}"
            )
        return {arch: templates[arch]}

    def _read(self, answer: CreateFleetResultTypeDef, order: MachineOrder) -> Machine:
        zones = self._grounds.zones()
        self._memory.note(fleet.sold_out(answer, zones))
        made = fleet.machine(answer, zones)
        self._memory.settle(order.token, made)
        if made is None:
            raise fleet.failure(answer, zones)
        return made

    def _adopt(self, order: MachineOrder) -> Machine:
        """Find what another process started under this token, with other parameters."""
        found = self._named(fleet.TOKEN_TAG, order.token)
        alive = next((each for each in found if instances.is_alive(each)), None)
        if alive is None:
            raise NoCapacity(f"token {order.token} was used before and has no machine")
        return instances.machine(alive)

    def _refuse_the_dead(self, made: Machine, order: MachineOrder) -> None:
        # A repeated token repeats its first answer, also when that machine is long gone.
        if any(each.state not in instances.ALIVE for each in self.describe([made.machine_id])):
            raise NoCapacity(f"token {order.token} answers {made.machine_id}, which is gone")

    def _terminate_known(self, machine_id: str) -> bool:
        try:
            self._ec2.terminate_instances(InstanceIds=[machine_id])
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == NOT_FOUND:
                return False
            raise translate(error, f"terminate {machine_id}") from error
        return True

    def _named(self, tag: str, value: str) -> Iterator[InstanceTypeDef]:
        """Find machines by a tag, without those of other fleets, whose jobs may have our ids."""
        for each in self._instances({f"tag:{tag}": [value]}):
            if instances.fleet_of(each) == self._site.fleet:
                yield each

    def _instances(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[InstanceTypeDef]:
        filters: list[FilterTypeDef] = [
            {"Name": name, "Values": list(values)} for name, values in wanted.items()
        ]
        with translated("describe machines"):
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=filters):
                for reservation in page["Reservations"]:
                    yield from reservation["Instances"]
