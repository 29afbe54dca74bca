"""Machines as DescribeInstances knows them, and whose they are."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from runs_fleet.aws.errors import code_of, translate, translated
from runs_fleet.providers.ec2 import batches, instances
from runs_fleet.providers.ec2.fleet import RUNNER_TAG

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
MOST_FILTER_VALUES = 200
MOST_BATCHES = 5000
# A fleet is forgotten some time after its last machine has ended.
NO_FLEET = frozenset({"InvalidFleetId.NotFound", "InvalidFleetId.Malformed"})
Pairing = Mapping[str, str]

log = logging.getLogger(__name__)


class Lookup:
    """Finds machines of one fleet; thread safe.

    Of a batch's machines only all of them together tell whose each is, those that have ended
    included. A pairing never changes, so it is remembered.
    """

    def __init__(self, ec2: EC2Client, fleet: str) -> None:
        self._ec2, self._fleet = ec2, fleet
        self._lock = threading.Lock()
        self._pairings: OrderedDict[str, Pairing] = OrderedDict()

    def by_id(self, machine_ids: Sequence[str]) -> Iterator[InstanceTypeDef]:
        """Find by filter, as one unknown id would fail a call by ids."""
        for start in range(0, len(machine_ids), MOST_FILTER_VALUES):
            some = machine_ids[start : start + MOST_FILTER_VALUES]
            yield from self.matching({"instance-id": some})

    def tagged(self, tag: str, *values: str) -> Iterator[InstanceTypeDef]:
        """Find by a tag, without those of other fleets, whose jobs may have our ids."""
        for each in self.matching({f"tag:{tag}": values}):
            if instances.fleet_of(each) == self._fleet:
                yield each

    def of_runner(self, runner: str) -> list[InstanceTypeDef]:
        """Find a runner's machines: those that bear its name, and its ones in batches."""
        found = list(self.tagged(RUNNER_TAG, runner))
        wanted = batches.pattern(runner)
        if wanted is not None:
            listed = list(self.tagged(batches.RUNNERS_TAG, wanted))
            owners = self.owners(listed)
            found += [each for each in listed if owners[each["InstanceId"]] == runner]
        return found

    def owners(self, raws: Iterable[InstanceTypeDef]) -> dict[str, str]:
        """Tell whose each machine is, as a runner's name; "" where that cannot be told."""
        tags = {each["InstanceId"]: instances.tags(each) for each in raws}
        owners = {machine_id: told.get(RUNNER_TAG, "") for machine_id, told in tags.items()}
        unnamed = {
            machine_id: told[batches.BATCH_TAG]
            for machine_id, told in tags.items()
            if not owners[machine_id] and batches.BATCH_TAG in told
        }
        pairings = self._of_batches(set(unnamed.values()))
        return owners | {
            machine_id: pairings[batch].get(machine_id, "") for machine_id, batch in unnamed.items()
        }

    def pairing(self, batch: str, seen: Sequence[InstanceTypeDef]) -> Pairing:
        """Tell whose a batch's machines are, by what is seen of them now."""
        with self._lock:
            known = self._pairings.get(batch)
        return known if known is not None else self._paired(batch, seen)

    def learn(self, batch: str, pairing: Pairing) -> None:
        """Remember whose a batch's machines are: all of them."""
        with self._lock:
            self._pairings[batch] = dict(pairing)
            while len(self._pairings) > MOST_BATCHES:
                self._pairings.popitem(last=False)

    def matching(self, wanted: Mapping[str, Sequence[str]]) -> Iterator[InstanceTypeDef]:
        """Find all that any of each filter's values fits."""
        filters: list[FilterTypeDef] = [
            {"Name": name, "Values": list(values)} for name, values in wanted.items()
        ]
        with translated("describe machines"):
            for page in self._ec2.get_paginator("describe_instances").paginate(Filters=filters):
                for reservation in page["Reservations"]:
                    yield from reservation["Instances"]

    def _of_batches(self, wanted: set[str]) -> dict[str, Pairing]:
        with self._lock:
            known = {batch: self._pairings[batch] for batch in wanted & self._pairings.keys()}
        unknown = sorted(wanted - known.keys())
        found = defaultdict[str, list["InstanceTypeDef"]](list)
        for start in range(0, len(unknown), MOST_FILTER_VALUES):
            for each in self.tagged(
                batches.BATCH_TAG, *unknown[start : start + MOST_FILTER_VALUES]
            ):
                found[instances.tags(each)[batches.BATCH_TAG]].append(each)
        return known | {batch: self._paired(batch, found[batch]) for batch in unknown}

    def _paired(self, batch: str, seen: Sequence[InstanceTypeDef]) -> Pairing:
        if not seen:
            return {}
        tags = instances.tags(seen[0])
        runners = batches.listed(tags)
        machine_ids: list[str] | None = [each["InstanceId"] for each in seen]
        if len(seen) < len(runners):
            # The others were never started, or are forgotten by now: the fleet knows which.
            machine_ids = self._started(tags.get(batches.FLEET_ID_TAG, ""))
        if machine_ids is None:
            log.warning("nobody knows whose machines these are", extra={"batch": batch})
            return {}
        pairing = batches.paired(runners, machine_ids)
        self.learn(batch, pairing)
        return pairing

    def _started(self, fleet_id: str) -> list[str] | None:
        """List all machines that a fleet ever started, or None when EC2 has forgotten it.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFleets.html
        """
        if not fleet_id:
            return None
        try:
            with_fleets = self._ec2.describe_fleets(FleetIds=[fleet_id])["Fleets"]
        except ClientError as error:
            if code_of(error) in NO_FLEET:
                return None
            raise translate(error, f"describe {fleet_id}") from error
        return [
            machine_id
            for found in with_fleets
            for some in found.get("Instances", [])
            for machine_id in some.get("InstanceIds", [])
        ] or None
