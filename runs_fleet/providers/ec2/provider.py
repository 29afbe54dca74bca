"""EC2 as a place to run jobs: CreateFleet, TerminateInstances and DescribeInstances."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from runs_fleet import names
from runs_fleet.aws.errors import code_of, translate
from runs_fleet.errors import FleetError, RateLimited
from runs_fleet.fairness import Weight, alike
from runs_fleet.models import Machine, MachineOrder, MachineStatus
from runs_fleet.providers.ec2 import instances, members
from runs_fleet.providers.ec2.batching import Answer, Gathering, Pace
from runs_fleet.providers.ec2.budgets import AwsBudgets
from runs_fleet.providers.ec2.capacity import CapacityMemory
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.diary import Diary, NoDiary
from runs_fleet.providers.ec2.launches import Launches, Terms
from runs_fleet.providers.ec2.lookup import Lookup
from runs_fleet.providers.ec2.requests import Catalog, Requests
from runs_fleet.providers.ec2.site import Grounds, Site

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client

__all__ = ["NOT_FOUND", "Catalog", "Ec2Provider", "Manner"]
NOT_FOUND = "InvalidInstanceID.NotFound"
MACHINE_ID = re.compile(r"i-[0-9a-f]+")
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Manner:
    """How orders are carried out: out of what, how soon, for whom first, remembered where."""

    budgets: AwsBudgets = field(default_factory=AwsBudgets)
    pace: Pace = field(default_factory=Pace)
    weight: Weight = alike
    diary: Diary = field(default_factory=NoDiary)
    clock: Callable[[], float] = time.monotonic


class Ec2Provider:
    """Thread safe; one for each process, since it remembers offers, tokens and the market."""

    def __init__(
        self,
        ec2: EC2Client,
        site: Site,
        *,
        catalog: Catalog | None = None,
        memory: CapacityMemory | None = None,
        manner: Manner | None = None,
    ) -> None:
        manner, memory = manner or Manner(), memory or CapacityMemory()
        self._ec2 = ec2
        self._grounds = Grounds(ec2, site, clock=manner.clock)
        self._catalog = catalog or InstanceCatalog(ec2, clock=manner.clock)
        self.lookup = Lookup(ec2, site.fleet)
        requests = Requests(site, self._grounds, catalog=self._catalog, memory=memory)
        self._launches = Launches(
            ec2,
            self.lookup,
            Terms(
                write=requests.write,
                zones=self._grounds.zones,
                memory=memory,
                budget=manner.budgets.launches,
                diary=manner.diary,
                pace=manner.pace,
                weight=manner.weight,
            ),
        )
        self._ending_budget = manner.budgets.terminations
        self._ending = Gathering[str, bool](
            self._end,
            room=lambda machine_ids: min(len(machine_ids), MOST_AT_ONCE),
            budget=manner.budgets.terminations,
            pace=manner.pace,
        )

    def warm_up(self) -> None:
        """Look up types, subnets and templates before the first job does. Raises FleetError."""
        self._grounds.templates()
        self._grounds.subnets(private=False)
        self._catalog.types()

    def create(self, order: MachineOrder) -> Machine:
        """Start the order's machine, or find the one that its token started before.

        Raises NoCapacity also when the token's machine has died since: a new try needs a new token.
        """
        return self._launches.create(order)

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        """Terminate one known machine, or all of this fleet that are the runner's.

        Returns whether any was seen, terminated ones included.
        """
        if machine_id and self._ending.ask(machine_id):
            return True
        found = self.lookup.of_runner(runner)
        for each in found:
            if not instances.is_gone(each):
                self._ending.ask(each["InstanceId"])
        return bool(found)

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        """Tell the state of machines; unknown ones are left out."""
        found = list(self.lookup.by_id(machine_ids))
        owners = self.lookup.owners(found)
        return [instances.status(each, owners[each["InstanceId"]]) for each in found]

    def find(self, runner: str) -> list[MachineStatus]:
        """Tell the state of a runner's machines, or of the member's that listened as this runner.

        EC2 keeps ended ones an hour.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
        """
        listening = names.pool_of(runner)
        if listening is None:
            found = self.lookup.of_runner(runner)
        else:
            found = list(self.lookup.tagged(members.MEMBER_TAG, listening[1]))
        return [instances.status(each, runner) for each in found]

    def _end(self, machine_ids: Sequence[str]) -> Sequence[Answer[bool]]:
        """Terminate, and tell of each whether EC2 knows it: one unknown id fails a whole call."""
        wanted, unknown = list(dict.fromkeys(machine_ids)), set[str]()
        while wanted:
            try:
                self._ec2.terminate_instances(InstanceIds=wanted)
                break
            except (ClientError, BotoCoreError) as error:
                if code_of(error) != NOT_FOUND:
                    raise self._noted(translate(error, f"terminate {wanted[0]}")) from error
                named = set(MACHINE_ID.findall(str(error))) & set(wanted)
                unknown |= named or set(wanted[:1])
                wanted = [each for each in wanted if each not in unknown]
        self._ending_budget.served()
        return [each not in unknown for each in machine_ids]

    def _noted(self, error: FleetError) -> FleetError:
        if isinstance(error, RateLimited):
            self._ending_budget.throttled()
        return error
