"""Instances as EC2 shows them: states, filters, pages, tags, stops, ends and their causes."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from simulator.aws.client import AwsWorld
from simulator.aws.models import CapacityRule, Setup
from tests.simulator.aws.conftest import FleetRequests
from tests.simulator.waiting import until

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import FilterTypeDef
    from types_boto3_sqs import SQSClient


@pytest.fixture
def spot(ec2: "EC2Client", fleet: FleetRequests) -> str:
    return ec2.create_fleet(**fleet())["Instances"][0]["InstanceIds"][0]


@pytest.fixture
def firm(ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld) -> str:
    made = ec2.create_fleet(**fleet(market="on-demand"))["Instances"][0]["InstanceIds"][0]
    until(lambda: world.machine(made).state == "running")
    return made


def look(ec2: "EC2Client", instance_id: str) -> Any:
    answer = ec2.describe_instances(InstanceIds=[instance_id])
    return answer["Reservations"][0]["Instances"][0]


def found(ec2: "EC2Client", **filters: str) -> list[str]:
    wanted: list[FilterTypeDef] = [
        {"Name": name, "Values": [value]} for name, value in filters.items()
    ]
    answer = ec2.describe_instances(Filters=wanted)
    return [i["InstanceId"] for r in answer["Reservations"] for i in r["Instances"]]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_a_machine_boots(ec2: "EC2Client", world: AwsWorld, spot: str) -> None:
    until(lambda: look(ec2, spot)["State"]["Name"] == "running")
    assert [state for state, _ in world.machine(spot).times] == ["pending", "running"]


def test_an_arm_machine_is_an_arm_machine(ec2: "EC2Client", spot: str) -> None:
    shown = look(ec2, spot)
    assert shown["Architecture"] == "arm64"
    assert shown["InstanceLifecycle"] == "spot"
    assert shown["MetadataOptions"]["HttpTokens"] == "required"


def test_graviton_types_are_arm_in_the_catalog(ec2: "EC2Client") -> None:
    pages = ec2.get_paginator("describe_instance_types").paginate(
        Filters=[{"Name": "instance-type", "Values": ["c7g.*", "m8g.*"]}]
    )
    types = [t for page in pages for t in page["InstanceTypes"]]
    assert len(types) > 10
    assert {tuple(t["ProcessorInfo"]["SupportedArchitectures"]) for t in types} == {("arm64",)}


def test_the_catalog_comes_in_pages(ec2: "EC2Client") -> None:
    first = ec2.describe_instance_types()
    assert len(first["InstanceTypes"]) == 100
    assert first["NextToken"]


@pytest.mark.parametrize("name", ["instance-id", "tag:test", "client-token"])
def test_filters_find_one_machine(ec2: "EC2Client", spot: str, token: str, name: str) -> None:
    values = {
        "instance-id": spot,
        "tag:test": token,
        "client-token": look(ec2, spot)["ClientToken"],
    }
    assert found(ec2, **{name: values[name]}) == [spot]


def test_filters_narrow_each_other_down(ec2: "EC2Client", spot: str, token: str) -> None:
    both = {"tag-key": "te?t", "tag:test": token, "instance-lifecycle": "spot"}
    assert found(ec2, **both) == [spot]
    assert found(ec2, **{**both, "instance-state-name": "terminated"}) == []


def test_an_unknown_filter_is_refused(ec2: "EC2Client") -> None:
    with pytest.raises(ClientError) as error:
        found(ec2, colour="blue")
    assert code(error) == "InvalidParameterValue"


def test_pages_hold_every_machine_once(ec2: "EC2Client", fleet: FleetRequests, token: str) -> None:
    ec2.create_fleet(**fleet(number=23))
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "tag:test", "Values": [token]}], PaginationConfig={"PageSize": 5}
    )
    seen = [i["InstanceId"] for p in pages for r in p["Reservations"] for i in r["Instances"]]
    assert len(seen) == len(set(seen)) == 23


def test_an_unknown_machine_is_not_found(ec2: "EC2Client") -> None:
    with pytest.raises(ClientError) as error:
        ec2.terminate_instances(InstanceIds=["i-00000000000000000"])
    assert code(error) == "InvalidInstanceID.NotFound"


def test_a_young_machine_may_not_be_visible_yet(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld, token: str
) -> None:
    world.pull(visibility_lag=3.0)
    made = ec2.create_fleet(**fleet())["Instances"][0]["InstanceIds"]
    assert found(ec2, **{"tag:test": token}) == []
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(InstanceIds=made)
    assert code(error) == "InvalidInstanceID.NotFound"
    until(lambda: found(ec2, **{"tag:test": token}) == made)


def test_a_machine_that_is_not_visible_yet_may_be_lost(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.pull(visibility_lag=3.0)
    [made] = ec2.create_fleet(**fleet())["Instances"][0]["InstanceIds"]
    world.lose(made)
    until(lambda: world.machine(made).state == "terminated")


def test_terminating_takes_time_and_has_a_reason(
    ec2: "EC2Client", world: AwsWorld, spot: str
) -> None:
    answer = ec2.terminate_instances(InstanceIds=[spot])
    assert answer["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    until(lambda: look(ec2, spot)["State"]["Name"] == "terminated")
    assert look(ec2, spot)["StateReason"]["Code"] == "Client.UserInitiatedShutdown"


def test_terminating_twice_is_a_success(ec2: "EC2Client", world: AwsWorld, spot: str) -> None:
    ec2.terminate_instances(InstanceIds=[spot])
    until(lambda: world.machine(spot).state == "terminated")
    answer = ec2.terminate_instances(InstanceIds=[spot])
    assert answer["TerminatingInstances"][0]["PreviousState"]["Name"] == "terminated"


def test_a_spot_machine_cannot_be_stopped(ec2: "EC2Client", spot: str) -> None:
    with pytest.raises(ClientError) as error:
        ec2.stop_instances(InstanceIds=[spot])
    assert code(error) == "UnsupportedOperation"


def test_an_on_demand_machine_stops_and_starts(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    ec2.stop_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "stopped")
    ec2.start_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "running")
    assert "StateReason" not in look(ec2, firm)


def test_a_machine_that_is_stopping_cannot_be_started(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    world.pull(stop_seconds=5.0)
    ec2.stop_instances(InstanceIds=[firm])
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=[firm])
    assert code(error) == "IncorrectInstanceState"


def test_a_machine_that_ends_while_it_stops_stays_ended(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    world.pull(stop_seconds=0.2)
    ec2.stop_instances(InstanceIds=[firm])
    ec2.terminate_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "terminated")
    assert world.machine(firm).entered("stopped") is None


def test_a_stopped_machine_may_find_no_capacity(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    ec2.stop_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "stopped")
    world.capacity(CapacityRule(market="on-demand"))
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=[firm])
    assert code(error) == "InsufficientInstanceCapacity"


def test_machines_start_all_or_none(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    made = ec2.create_fleet(**fleet(number=2, market="on-demand", types=("c7g.large",)))
    ids = [name for part in made["Instances"] for name in part["InstanceIds"]]
    until(lambda: {world.machine(each).state for each in ids} == {"running"})
    ec2.stop_instances(InstanceIds=ids)
    until(lambda: {world.machine(each).state for each in ids} == {"stopped"})
    world.capacity(CapacityRule(market="on-demand", capacity=1))
    with pytest.raises(ClientError) as error:
        ec2.start_instances(InstanceIds=ids)
    assert code(error) == "InsufficientInstanceCapacity"
    assert {world.machine(each).state for each in ids} == {"stopped"}


def test_a_machine_that_runs_is_shown_by_a_start_as_it_is(ec2: "EC2Client", firm: str) -> None:
    [change] = ec2.start_instances(InstanceIds=[firm])["StartingInstances"]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == (
        "running",
        "running",
    )


def test_a_stopped_machine_may_start_faster_than_a_new_one(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    world.pull(boot_seconds=600.0, start_seconds=0.01)
    launched = look(ec2, firm)["LaunchTime"]
    ec2.stop_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "stopped")
    ec2.start_instances(InstanceIds=[firm])
    until(lambda: world.machine(firm).state == "running")
    assert look(ec2, firm)["LaunchTime"] >= launched


def test_the_books_count_what_changes_something(
    ec2: "EC2Client", world: AwsWorld, firm: str
) -> None:
    before = world.books().mutations(app="tests")
    look(ec2, firm)
    ec2.stop_instances(InstanceIds=[firm])
    ec2.create_tags(Resources=[firm], Tags=[{"Key": "late", "Value": "yes"}])
    assert world.books().mutations(app="tests") == before + 2


def test_tags_can_be_changed_later(ec2: "EC2Client", spot: str, token: str) -> None:
    ec2.create_tags(Resources=[spot], Tags=[{"Key": "late", "Value": token}])
    assert found(ec2, **{"tag:late": token}) == [spot]
    ec2.delete_tags(Resources=[spot], Tags=[{"Key": "late"}])
    assert found(ec2, **{"tag:late": token}) == []


def events(sqs: "SQSClient", url: str, *, of: str) -> list[dict[str, Any]]:
    """Drain the queue, keep what is said of one machine."""
    told: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        told += [json.loads(message["Body"]) for message in messages]
    return [event for event in told if event["detail"]["instance-id"] == of]


def test_a_spot_machine_is_warned_and_then_taken(
    ec2: "EC2Client", sqs: "SQSClient", world: AwsWorld, account: Setup, spot: str
) -> None:
    until(lambda: world.machine(spot).state == "running")
    world.interrupt(spot, after=0.1)
    until(lambda: world.machine(spot).state == "terminated")
    assert look(ec2, spot)["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    told = events(sqs, account.events_queue_url, of=spot)
    assert [e["detail-type"] for e in told] == [
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance State-change Notification",
    ]
    assert told[0]["detail"] == {"instance-id": spot, "instance-action": "terminate"}
    assert [e["detail"].get("state") for e in told[1:]] == ["shutting-down"]


def test_lost_hardware_says_nothing(
    sqs: "SQSClient", world: AwsWorld, account: Setup, spot: str
) -> None:
    until(lambda: world.machine(spot).state == "running")
    world.lose(spot)
    until(lambda: world.machine(spot).state == "terminated")
    assert events(sqs, account.events_queue_url, of=spot) == []
    assert world.machine(spot).cause == "Server.InternalError"


def test_shutting_down_from_inside_is_named_so(world: AwsWorld, firm: str) -> None:
    world.halt(firm)
    until(lambda: world.machine(firm).state == "terminated")
    assert world.machine(firm).cause == "Client.InstanceInitiatedShutdown"
