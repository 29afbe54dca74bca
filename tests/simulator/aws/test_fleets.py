"""CreateFleet as EC2 answers it: tokens, capacity, partial answers, faults."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from simulator.aws.client import AwsWorld
from simulator.aws.models import CapacityRule, Fault, Setup, Throttle
from tests.simulator.aws.conftest import FleetRequests
from tests.simulator.waiting import until

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


def ids(answer: Any) -> list[str]:
    return [name for part in answer["Instances"] for name in part["InstanceIds"]]


def codes(answer: Any) -> set[str]:
    return {error["ErrorCode"] for error in answer["Errors"]}


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_the_same_token_gives_the_same_machine(ec2: "EC2Client", fleet: FleetRequests) -> None:
    first = ec2.create_fleet(**fleet())
    again = ec2.create_fleet(**fleet())
    assert (again["FleetId"], ids(again)) == (first["FleetId"], ids(first))


def test_a_token_answers_even_after_its_machine_is_gone(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    made = ids(ec2.create_fleet(**fleet()))
    ec2.terminate_instances(InstanceIds=made)
    until(lambda: world.machine(made[0]).state == "terminated")
    assert ids(ec2.create_fleet(**fleet())) == made


def test_a_token_with_other_parameters_is_a_mistake(ec2: "EC2Client", fleet: FleetRequests) -> None:
    ec2.create_fleet(**fleet())
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**fleet(number=2))
    assert code(error) == "IdempotentParameterMismatch"


def test_calls_racing_with_one_token_make_one_machine(
    ec2: "EC2Client", fleet: FleetRequests
) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ec2.create_fleet(**fleet()), range(16)))
    assert len({name for answer in answers for name in ids(answer)}) == 1


def test_an_empty_pool_gives_errors_per_override_and_no_machine(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.capacity(CapacityRule(market="spot"))
    answer = ec2.create_fleet(**fleet())
    assert ids(answer) == []
    assert codes(answer) == {"InsufficientInstanceCapacity"}
    assert len(answer["Errors"]) == 4


def test_what_is_missing_is_target_less_returned(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.capacity(CapacityRule(market="spot", capacity=1, error="UnfulfillableCapacity"))
    answer = ec2.create_fleet(**fleet(number=10, types=("r8g.large", "r7g.large")))
    assert len(ids(answer)) == 4
    assert codes(answer) == {"UnfulfillableCapacity"}


def test_capacity_comes_back_when_machines_end(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.capacity(CapacityRule(instance_type="c8g.large", capacity=1))
    request = fleet(number=2, types=("c8g.large",))
    made = ids(ec2.create_fleet(**request))
    ec2.terminate_instances(InstanceIds=made)
    again = ec2.create_fleet(**{**request, "ClientToken": "another"})
    assert len(ids(again)) == 2


def test_price_capacity_optimized_goes_where_capacity_is(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.capacity(CapacityRule(instance_type="c7g.large", capacity=5))
    answer = ec2.create_fleet(**fleet(number=20))
    assert {part["InstanceType"] for part in answer["Instances"]} == {"m7g.large"}


def test_lowest_price_goes_to_the_cheapest_and_tells_what_it_tried(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.capacity(CapacityRule(instance_type="c7g.large", zone="us-east-1a"))
    answer = ec2.create_fleet(**fleet(market="on-demand"))
    assert [part["InstanceType"] for part in answer["Instances"]] == ["c7g.large"]
    assert len(answer["Errors"]) == 1


@pytest.mark.parametrize(
    ("types", "expected"),
    [
        (("z9z.large",), "InvalidParameterValue"),
        (("c7i.large",), "InvalidParameterValue"),
        (("mac2-m1ultra.metal",), "Unsupported"),
    ],
)
def test_what_cannot_be_bought_is_an_error_of_its_override(
    ec2: "EC2Client", fleet: FleetRequests, types: tuple[str, ...], expected: str
) -> None:
    answer = ec2.create_fleet(**fleet(types=(*types, "c7g.large")))
    assert codes(answer) <= {expected, "InvalidParameterValue"}
    assert len(ids(answer)) == 1


def test_an_unknown_launch_template_is_an_error_of_the_call(
    ec2: "EC2Client", fleet: FleetRequests
) -> None:
    request = fleet()
    request["LaunchTemplateConfigs"][0]["LaunchTemplateSpecification"] = {
        "LaunchTemplateName": "nowhere",
        "Version": "1",
    }
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**request)
    assert code(error) == "InvalidLaunchTemplateName.NotFoundException"


@pytest.mark.parametrize(
    ("key", "value"), [("aws:mine", "x"), ("k" * 129, "x"), ("key", "v" * 257)]
)
def test_bad_tags_are_refused(ec2: "EC2Client", fleet: FleetRequests, key: str, value: str) -> None:
    request = fleet()
    request["TagSpecifications"][0]["Tags"] = [{"Key": key, "Value": value}]
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**request)
    assert code(error) == "InvalidParameterValue"


def test_a_fleet_that_is_not_instant_is_refused(ec2: "EC2Client", fleet: FleetRequests) -> None:
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**{**fleet(), "Type": "maintain"})
    assert code(error) == "UnsupportedOperation"


def test_a_bucket_throttles_and_refills(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    world.throttle(Throttle(action="CreateFleet", burst=1, refill=50.0))
    ec2.create_fleet(**fleet())
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**fleet())
    assert code(error) == "RequestLimitExceeded"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    until(lambda: answered(ec2, fleet()))


def answered(ec2: "EC2Client", request: Any) -> bool:
    try:
        return bool(ec2.create_fleet(**request))
    except ClientError:
        return False


def test_a_lost_answer_took_effect(ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld) -> None:
    world.fault(Fault(action="CreateFleet", kind="lost_answer"))
    with pytest.raises(ConnectionClosedError):
        ec2.create_fleet(**fleet())
    made = ids(ec2.create_fleet(**fleet()))
    entries = [f for f in world.books().fleets if f.token == fleet()["ClientToken"]]
    assert [list(entry.instances) for entry in entries] == [made, made]
    assert [entry.replayed for entry in entries] == [False, True]


def test_a_late_error_took_effect(ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld) -> None:
    world.fault(Fault(action="CreateFleet", kind="late_error", code="InternalError"))
    with pytest.raises(ClientError):
        ec2.create_fleet(**fleet())
    assert world.machines()[-1].token == fleet()["ClientToken"]


def test_an_error_has_no_effect_and_befalls_so_many_calls(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    before = len(world.machines())
    world.fault(Fault(action="CreateFleet", kind="error", code="UnauthorizedOperation", status=403))
    with pytest.raises(ClientError) as error:
        ec2.create_fleet(**fleet())
    assert code(error) == "UnauthorizedOperation"
    assert len(world.machines()) == before
    assert len(ids(ec2.create_fleet(**fleet()))) == 1


def test_a_delayed_answer_keeps_nobody_else_waiting(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld, account: Setup
) -> None:
    world.fault(Fault(action="CreateFleet", kind="delay", seconds=0.5))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ec2.create_fleet, **fleet())
        until(lambda: world.books().count("CreateFleet", app="tests") and world.machines())
        quick = ec2.create_fleet(**{**fleet(), "ClientToken": "quick"})
        assert not slow.done()
        assert ids(quick) != ids(slow.result())


def test_the_books_tell_when_a_call_arrived_and_whose_it_was(
    ec2: "EC2Client", fleet: FleetRequests, world: AwsWorld
) -> None:
    made = ids(ec2.create_fleet(**fleet()))
    entry = world.books().fleets[-1]
    assert (entry.token, entry.app, list(entry.instances)) == (
        fleet()["ClientToken"],
        "tests",
        made,
    )
    assert entry.answered is not None
    assert 0 <= entry.answered - entry.arrived < 1
