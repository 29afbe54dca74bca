"""Launches the members of pools: one CreateFleet each, on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet.aws.errors import MISMATCH, code_of, translate
from runs_fleet.errors import NoCapacity, RateLimited
from runs_fleet.models import Machine, RunnerSpec
from runs_fleet.pools.wire import MemberOrder
from runs_fleet.providers.ec2 import fleet, instances, members
from runs_fleet.providers.ec2.batches import Batch
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.lookup import Lookup
from runs_fleet.providers.ec2.provider import Manner
from runs_fleet.providers.ec2.requests import Catalog, Requests
from runs_fleet.providers.ec2.site import Grounds, Site
from runs_fleet.providers.ec2.tokens import Tokens

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import CreateFleetResultTypeDef


class Launching:
    """Thread safe; one for each process, since it remembers tokens. Shares what runners launch by.

    Nobody waits for a member: a call that the budget does not allow raises RateLimited.
    """

    def __init__(
        self,
        ec2: EC2Client,
        site: Site,
        *,
        catalog: Catalog,
        memory: CapacityMemory | None = None,
        manner: Manner | None = None,
    ) -> None:
        manner = manner or Manner()
        self.ec2, self.lookup, self.budgets = ec2, Lookup(ec2, site.fleet), manner.budgets
        self._site = site
        self._memory = memory or CapacityMemory()
        self._grounds = Grounds(ec2, site, clock=manner.clock)
        self._requests = Requests(site, self._grounds, catalog=catalog, memory=self._memory)
        self._tokens = Tokens()

    def made_of(self, spec: RunnerSpec) -> str:
        """Name the launch templates that a machine of this spec would be made by, and images."""
        arch, known = spec.arch or self._site.default_arch, self._grounds.templates()
        return members.made_of(known[each] for each in known if arch in (None, each))

    def launch(self, order: MemberOrder) -> Machine:
        """Launch a machine, or find the one that its token launched.

        Raises NoCapacity also when that machine has died since: a new try needs a new token.
        """
        if (pause := self.budgets.launches.take()) > 0:
            raise RateLimited(f"launch {order.member}: too many launches for now", after=pause)
        asked = self._tokens.ask(order.token, lambda: self._request(order))
        try:
            answer = self.ec2.create_fleet(**asked.request)
        except (ClientError, BotoCoreError) as error:
            if code_of(error) == MISMATCH:
                return self._adopted(order)
            raise self._noted(error, order) from error
        self.budgets.launches.served()
        self._tokens.answered(order.token)
        made = self._read(answer, order)
        # A repeated token repeats its first answer, also when that machine is long gone.
        if asked.repeated and any(map(instances.is_gone, self.lookup.by_id([made.machine_id]))):
            raise NoCapacity(f"token {order.token} answers {made.machine_id}, which is gone")
        return made

    def _request(self, order: MemberOrder) -> dict[str, Any]:
        request = self._requests.write(Batch((members.as_order(order),)))
        tags = members.tags(order, self._site.fleet)
        kinds = ("fleet", "instance")
        return {
            **request,
            "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in kinds],
        }

    def _read(self, answer: CreateFleetResultTypeDef, order: MemberOrder) -> Machine:
        zones = self._grounds.zones()
        self._memory.note(fleet.sold_out(answer, zones))
        made = fleet.machine(answer, zones)
        self._memory.settle(order.token, made)
        if made is None:
            raise fleet.failure(answer, zones)
        return made

    def _adopted(self, order: MemberOrder) -> Machine:
        """Find what another process launched under this token, with other parameters."""
        found = self.lookup.tagged(fleet.TOKEN_TAG, order.token)
        alive = next((each for each in found if instances.is_alive(each)), None)
        if alive is None:
            raise NoCapacity(f"token {order.token} was used before and has no machine")
        return instances.machine(alive)

    def _noted(self, error: ClientError | BotoCoreError, order: MemberOrder) -> Exception:
        told = translate(error, f"launch {order.member}")
        if isinstance(told, RateLimited):
            self.budgets.launches.throttled()
        return told
