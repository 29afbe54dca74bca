"""What the EC2 provider makes of the answers that EC2 gives on a bad day."""

import socket

import pytest

from runs_fleet.aws.clients import clients
from runs_fleet.errors import FleetError, NoCapacity, RateLimited, Refused, Unavailable
from runs_fleet.models import Market, Rung
from runs_fleet.providers.ec2.own import OwnMachine
from tests.ec2.orders import ON_DEMAND, order
from tests.ec2.servers import session
from tests.ec2.stubs import OFFERED, ScriptedEc2, full


def test_a_started_machine_is_read_from_the_answer(ec2: ScriptedEc2) -> None:
    ec2.starts("i-1")
    made = ec2.provider.create(order())
    assert (made.machine_id, made.machine_type) == ("i-1", "c8g.large")
    assert (made.market, made.zone) == (Market.SPOT, "z-b")


def test_a_machine_beside_errors_is_a_success(ec2: ScriptedEc2) -> None:
    ec2.starts("i-1", errors=[full("c8g.large", "subnet-a")])
    assert ec2.provider.create(order()).machine_id == "i-1"


def test_nothing_and_no_reason_means_no_capacity(ec2: ScriptedEc2) -> None:
    ec2.starts()
    with pytest.raises(NoCapacity, match="gave no reason"):
        ec2.provider.create(order())


def test_no_capacity_names_codes_types_and_zones(ec2: ScriptedEc2) -> None:
    ec2.starts(errors=[full("c8g.large", "subnet-a"), full("c8g.xlarge", "subnet-b")])
    with pytest.raises(NoCapacity) as refusal:
        ec2.provider.create(order())
    assert str(refusal.value) == (
        "InsufficientInstanceCapacity (c8g.large in z-a, c8g.xlarge in z-b)"
    )


def test_a_refusal_repeats_what_ec2_says_is_wrong(ec2: ScriptedEc2) -> None:
    ec2.starts(errors=[full("c8g.large", "subnet-a", "InvalidParameterValue")])
    with pytest.raises(Refused) as refusal:
        ec2.provider.create(order())
    assert str(refusal.value) == "InvalidParameterValue (c8g.large in z-a): the reason"


@pytest.mark.parametrize(
    ("codes", "verdict", "word"),
    [
        (["InsufficientInstanceCapacity", "InvalidParameterValue"], NoCapacity, "Insufficient"),
        (["MaxSpotInstanceCountExceeded"], NoCapacity, "quota"),
        (["VcpuLimitExceeded"], NoCapacity, "quota"),
        (["InsufficientFreeAddressesInSubnet"], NoCapacity, "Addresses"),
        (["SomethingNew"], NoCapacity, "SomethingNew"),
        (["RequestLimitExceeded"], RateLimited, "RequestLimitExceeded"),
        (["InternalError"], Unavailable, "InternalError"),
        (["InvalidParameterValue"], Refused, "InvalidParameterValue"),
        (["InvalidAMIID.NotFound"], Refused, "InvalidAMIID"),
        (["UnauthorizedOperation"], Refused, "UnauthorizedOperation"),
        (["AuthFailure.ServiceLinkedRoleCreationNotPermitted"], Refused, "ServiceLinkedRole"),
    ],
)
def test_a_fleets_errors_decide_the_next_move(
    ec2: ScriptedEc2, codes: list[str], verdict: type[FleetError], word: str
) -> None:
    ec2.starts(errors=[full("c8g.large", "subnet-a", code) for code in codes])
    with pytest.raises(verdict, match=word):
        ec2.provider.create(order())


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("RequestLimitExceeded", 503, RateLimited),
        ("Throttling", 400, RateLimited),
        ("InternalError", 500, Unavailable),
        ("Gateway", 502, Unavailable),
        ("ExpiredToken", 400, Unavailable),
        ("UnauthorizedOperation", 403, Refused),
        ("InvalidLaunchTemplateId.NotFound", 400, Refused),
        ("NeverHeardOf", 400, Refused),
        ("VcpuLimitExceeded", 400, NoCapacity),
        ("InsufficientInstanceCapacity", 500, NoCapacity),
    ],
)
def test_a_calls_error_decides_the_next_move(
    ec2: ScriptedEc2, code: str, status: int, verdict: type[FleetError]
) -> None:
    ec2.fails(code, status=status)
    with pytest.raises(verdict, match=code):
        ec2.provider.create(order())


def test_a_throttled_caller_is_told_how_long_to_wait(ec2: ScriptedEc2) -> None:
    ec2.fails("RequestLimitExceeded", status=503)
    with pytest.raises(RateLimited) as refusal:
        ec2.provider.create(order())
    assert 1 < refusal.value.after < 10


def test_what_is_sold_out_is_left_out_for_three_minutes(ec2: ScriptedEc2) -> None:
    ec2.starts("i-1", errors=[full("c8g.large", "subnet-a")])
    ec2.starts("i-2")
    ec2.starts("i-3")
    ec2.provider.create(order())
    ec2.provider.create(order())
    ec2.clock.now += 181
    ec2.provider.create(order())
    assert [ec2.overrides(call) for call in range(3)] == [OFFERED, OFFERED[1:], OFFERED]


def test_sold_out_as_spot_is_not_sold_out_on_demand(ec2: ScriptedEc2) -> None:
    ec2.starts("i-1", errors=[full("c8g.large", "subnet-a")])
    ec2.starts("i-2")
    ec2.provider.create(order())
    ec2.provider.create(order(rung=ON_DEMAND))
    assert set(OFFERED) < set(ec2.overrides())


def test_when_all_is_sold_out_all_is_asked_for_again(ec2: ScriptedEc2) -> None:
    ec2.starts(errors=[full(*offer) for offer in OFFERED])
    ec2.starts("i-1")
    with pytest.raises(NoCapacity):
        ec2.provider.create(order())
    ec2.provider.create(order())
    assert ec2.overrides() == OFFERED


def test_a_repeat_after_a_lost_answer_asks_exactly_the_same(ec2: ScriptedEc2) -> None:
    asked = order()
    ec2.fails("InternalError", status=500)
    ec2.starts("i-1", errors=[full("c8g.large", "subnet-a")])
    ec2.starts("i-2")
    ec2.describes(("i-2", "running"))
    with pytest.raises(Unavailable):
        ec2.provider.create(asked)
    ec2.provider.create(order())
    assert ec2.provider.create(asked).machine_id == "i-2"
    assert ec2.asked[2] == ec2.asked[0]


def test_a_machine_too_young_to_be_described_is_not_dead(ec2: ScriptedEc2) -> None:
    asked = order()
    ec2.fails("InternalError", status=500)
    ec2.starts("i-1")
    ec2.describes()
    with pytest.raises(Unavailable):
        ec2.provider.create(asked)
    assert ec2.provider.create(asked).machine_id == "i-1"


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
def test_a_repeated_token_that_answers_a_dead_machine_needs_a_new_token(
    ec2: ScriptedEc2, state: str
) -> None:
    asked = order()
    ec2.starts("i-1")
    ec2.starts("i-1")
    ec2.describes(("i-1", state))
    ec2.provider.create(asked)
    with pytest.raises(NoCapacity, match="i-1, which is gone"):
        ec2.provider.create(asked)


def test_a_token_used_with_other_parameters_finds_its_machine(ec2: ScriptedEc2) -> None:
    ec2.fails("IdempotentParameterMismatch")
    ec2.describes(("i-0", "terminated"), ("i-1", "running"))
    made = ec2.provider.create(order())
    assert (made.machine_id, made.zone, made.market) == ("i-1", "z-b", Market.SPOT)


def test_a_token_used_in_vain_needs_a_new_token(ec2: ScriptedEc2) -> None:
    ec2.fails("IdempotentParameterMismatch")
    ec2.describes(("i-0", "terminated"))
    with pytest.raises(NoCapacity, match="was used before"):
        ec2.provider.create(order())


def test_a_known_machine_is_terminated_in_one_call(ec2: ScriptedEc2) -> None:
    ec2.provider.warm_up()
    ec2.script.add_response("terminate_instances", {}, {"InstanceIds": ["i-1"]})
    assert ec2.provider.terminate("runs-fleet-1-1", "i-1")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [("UnauthorizedOperation", Refused), ("RequestLimitExceeded", RateLimited)],
)
def test_a_failed_termination_is_not_taken_for_success(
    ec2: ScriptedEc2, code: str, verdict: type[FleetError]
) -> None:
    ec2.provider.warm_up()
    ec2.fails(code, call="terminate_instances")
    with pytest.raises(verdict):
        ec2.provider.terminate("runs-fleet-1-1", "i-1")


def test_a_machine_that_may_not_end_itself_is_told(ec2: ScriptedEc2) -> None:
    ec2.provider.warm_up()
    ec2.fails("UnauthorizedOperation", call="terminate_instances")
    with pytest.raises(Refused, match="own machine i-1"):
        OwnMachine(ec2.client).terminate("i-1")


def test_a_description_says_why_a_machine_ended(ec2: ScriptedEc2) -> None:
    ec2.provider.warm_up()
    ec2.describes(("i-1", "shutting-down"), ("i-2", "stopping"))
    found = ec2.provider.describe(["i-1", "i-2"])
    assert [each.state for each in found] == ["gone", "stopping"]
    assert found[0].cause == "Server.SpotInstanceTermination"


def test_many_machines_are_described_two_hundred_at_a_time(ec2: ScriptedEc2) -> None:
    ec2.provider.warm_up()
    ids = [f"i-{number}" for number in range(250)]
    ec2.describes_nothing_of(ids[:200])
    ec2.describes_nothing_of(ids[200:])
    assert ec2.provider.describe(ids) == []


def test_nobody_at_home_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unavailable, match="EndpointConnectionError"):
            OwnMachine(clients(session(), endpoint=nowhere).ec2).terminate("i-1")


def test_types_never_sold_as_spot_are_no_spot_capacity(ec2: ScriptedEc2) -> None:
    asked = order(rung=Rung(market=Market.SPOT))
    asked = asked.model_copy(update={"spec": asked.spec.model_copy(update={"families": ("m8g",)})})
    with pytest.raises(NoCapacity, match="sold as spot"):
        ec2.provider.create(asked)
