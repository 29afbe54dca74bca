"""The EC2 actions that moto cannot play: fleets and the instances they make."""

import json
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from simulator.aws.account import ACCOUNT, Account
from simulator.aws.errors import AwsError
from simulator.aws.fleets import FleetRequest, Market, check_tag, shown
from simulator.aws.instances import Instance, chosen
from simulator.aws.life import Lives
from simulator.aws.models import MarketName, State
from simulator.aws.paging import page

MOST_TOKENS = 10_000
PAGE = 1_000
Params = dict[str, Any]
Result = dict[str, Any]

STARTABLE: frozenset[State] = frozenset({"stopped", "pending", "running"})
STOPPABLE: frozenset[State] = frozenset({"running", "stopping", "stopped"})


class Ec2:
    """Actions by name; each takes a call's parameters as a tree and gives boto3's result shape."""

    def __init__(self, account: Account, lives: Lives) -> None:
        self._lives = lives
        self._account = account
        self._market = Market(account, lives.pools)
        self._tokens: OrderedDict[str, tuple[str, Result]] = OrderedDict()
        self._fleets: dict[str, Result] = {}
        self.actions: dict[str, Callable[[Params], Result]] = {
            "CreateFleet": self.create_fleet,
            "DescribeFleets": self.describe_fleets,
            "RunInstances": _refuse,
            "DescribeInstances": self.describe_instances,
            "DescribeInstanceStatus": self.describe_instance_status,
            "TerminateInstances": self.terminate_instances,
            "StopInstances": self.stop_instances,
            "StartInstances": self.start_instances,
            "CreateTags": self.create_tags,
            "DeleteTags": self.delete_tags,
        }

    def plays(self, action: str, params: Params) -> bool:
        """Tell whether a call is ours: tags of other resources are moto's."""
        if action in ("CreateTags", "DeleteTags"):
            return all(name.startswith("i-") for name in params.get("ResourceId", ()))
        return action in self.actions

    def play(self, action: str, params: Params) -> Result:
        """Do one action, alone."""
        if params.get("DryRun") == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            raise AwsError("DryRunOperation", message, status=412)
        with self._lives.lock:
            return self.actions[action](params)

    def create_fleet(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFleet.html."""
        request = FleetRequest(params)
        wanted = json.dumps({k: v for k, v in params.items() if k != "ClientToken"}, sort_keys=True)
        before = self._tokens.get(request.token) if request.token else None
        if before is not None:
            return self._again(before, wanted)
        request.check()
        result = self._buy(request)
        if request.token:
            self._tokens[request.token] = (wanted, result)
            if len(self._tokens) > MOST_TOKENS:
                self._tokens.popitem(last=False)
        return result

    def describe_fleets(self, params: Params) -> Result:
        """Show fleets by id, as those of type instant are shown in no list.

        https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFleets.html
        """
        wanted = params.get("FleetId", ())
        if unknown := [name for name in wanted if name not in self._fleets]:
            message = f"The fleet ID '{unknown[0]}' does not exist"
            raise AwsError("InvalidFleetId.NotFound", message)
        return {"Fleets": [self._fleets[name] for name in wanted]}

    def is_replay(self, token: str) -> bool:
        """Tell whether this token was answered before."""
        return token in self._tokens

    def describe_instances(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html."""
        page, after = self._page(params)
        return {
            "Reservations": [
                {"ReservationId": i.reservation, "OwnerId": ACCOUNT, "Instances": [i.view()]}
                for i in page
            ],
            "NextToken": after,
        }

    def describe_instance_status(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html."""
        page, after = self._page(params)
        everything = params.get("IncludeAllInstances") == "true"
        return {
            "InstanceStatuses": [
                {
                    "InstanceId": i.instance_id,
                    "AvailabilityZone": i.pool.zone,
                    "InstanceState": i.state_view(),
                }
                for i in page
                if everything or i.state == "running"
            ],
            "NextToken": after,
        }

    def terminate_instances(self, params: Params) -> Result:
        """End instances; one that is terminated already is a success."""
        found = self._lives.find(params["InstanceId"])
        changes = self._changed(found, lambda i: self._lives.end(i, "Client.UserInitiatedShutdown"))
        return {"TerminatingInstances": changes}

    def stop_instances(self, params: Params) -> Result:
        """Stop instances; only on-demand ones can be."""
        found = self._lives.find(params["InstanceId"])
        if spot := [i.instance_id for i in found if i.market == "spot"]:
            message = (
                f"You can't stop the Spot Instance '{spot[0]}' because it is associated with a "
                "one-time Spot Instance request. You can only stop Spot Instances associated with "
                "persistent Spot Instance requests."
            )
            raise AwsError("UnsupportedOperation", message)
        _must_be(found, STOPPABLE, "stopped")
        return {"StoppingInstances": self._changed(found, self._lives.stop)}

    def start_instances(self, params: Params) -> Result:
        """Start stopped instances, all or none; those that run are shown as they are."""
        found = self._lives.find(params["InstanceId"])
        _must_be(found, STARTABLE, "started")
        before = [i.state_view() for i in found]
        self._lives.start(found)
        return {"StartingInstances": list(map(_change, found, before))}

    def create_tags(self, params: Params) -> Result:
        """Put tags on instances."""
        given = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tag", ())}
        for key, value in given.items():
            check_tag(key, value)
        for instance in self._lives.find(params["ResourceId"]):
            instance.tags.update(given)
        return {}

    def delete_tags(self, params: Params) -> Result:
        """Take tags off instances."""
        for instance in self._lives.find(params["ResourceId"]):
            for tag in params.get("Tag", ()):
                instance.tags.pop(tag["Key"], None)
        return {}

    def _again(self, before: tuple[str, Result], wanted: str) -> Result:
        if before[0] != wanted:
            message = "Client token already used before with different parameters."
            raise AwsError("IdempotentParameterMismatch", message)
        return before[1]

    def _buy(self, request: FleetRequest) -> Result:
        fleet = f"fleet-{uuid.uuid4()}"
        bought: list[Result] = []
        errors: list[Result] = []
        for market, number in request.targets.items():
            if number > 0:
                made, failed = self._buy_from(request, market, number=number, fleet=fleet)
                bought += made
                errors += failed
        self._fleets[fleet] = {"FleetId": fleet, "Type": "instant", "Instances": bought}
        return {"FleetId": fleet, "Errors": errors, "Instances": bought}

    def _buy_from(
        self, request: FleetRequest, market: MarketName, *, number: int, fleet: str
    ) -> tuple[list[Result], list[Result]]:
        purchases, errors = self._market.buy(request, market, number)
        tags = {**request.tags, "aws:ec2:fleet-id": fleet}
        bought: list[Result] = []
        for purchase in purchases:
            candidate = purchase.candidate
            ids = [
                self._lives.launch(
                    candidate, token=request.token, client_token=fleet, tags=dict(tags)
                ).instance_id
                for _ in range(purchase.number)
            ]
            bought.append(
                {
                    "LaunchTemplateAndOverrides": shown(candidate.template, candidate.override),
                    "Lifecycle": market,
                    "InstanceIds": ids,
                    "InstanceType": candidate.pool.instance_type,
                }
            )
        return bought, errors

    def _page(self, params: Params) -> tuple[Sequence[Instance], str | None]:
        ids = params.get("InstanceId")
        most = int(params.get("MaxResults", 0))
        if ids and most:
            message = "The parameter instancesSet cannot be used with the parameter maxResults"
            raise AwsError("InvalidParameterCombination", message)
        found = self._lives.find(ids) if ids else self._lives.visible()
        found = chosen(found, params.get("Filter", ()))
        return page(found, most=most or PAGE, token=params.get("NextToken"))

    def _changed(self, found: list[Instance], change: Callable[[Instance], None]) -> list[Result]:
        before = [instance.state_view() for instance in found]
        for instance in found:
            change(instance)
        return list(map(_change, found, before))


def _change(instance: Instance, before: Result) -> Result:
    return {
        "InstanceId": instance.instance_id,
        "CurrentState": instance.state_view(),
        "PreviousState": before,
    }


def _refuse(_: Params) -> Result:
    raise AwsError("UnsupportedOperation", "this world sells machines by CreateFleet only")


def _must_be(found: list[Instance], states: frozenset[State], verb: str) -> None:
    for instance in found:
        if instance.state not in states:
            message = (
                f"The instance '{instance.instance_id}' is not in a state from which it can be "
                f"{verb}."
            )
            raise AwsError("IncorrectInstanceState", message)
