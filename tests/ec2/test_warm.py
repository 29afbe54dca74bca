"""What pools may ask of EC2, against a server that speaks EC2, SSM and SQS."""

import pytest
from types_boto3_ec2.type_defs import RequestLaunchTemplateDataTypeDef

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import NoCapacity, Refused, Unavailable
from runs_fleet.models import Arch, Market, RunnerSpec
from runs_fleet.pools.ports import WarmMachines
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.reports import key
from simulator.aws.models import CapacityRule
from tests.ec2.conftest import Place
from tests.ec2.warming import PREFIX, SECRET, Yard, a_runner, member_order, yard

__all__ = ["yard"]
pytestmark = [
    # The first test of a process starts the world, which takes long on a loaded machine.
    pytest.mark.timeout(240),
    pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session"),
]
ABSENT = "i-0123456789abcdef0"


def is_there(yard: Yard, machine_id: str) -> tuple[bool, bool]:
    """Tell whether a machine's parameter and queue are there."""
    parameter = yard.world.books().parameters[f"{PREFIX}/{machine_id}"].there
    return parameter, machine_id in yard.queues.machines()


def test_it_is_what_pools_ask_for(yard: Yard) -> None:
    port: WarmMachines = yard.warm
    assert port.members("a-pool-without-members") == []


def test_a_member_is_bought_on_demand_and_says_whose_it_is(yard: Yard) -> None:
    order = member_order(spec_hash="f00")
    made = yard.warm.launch(order)
    assert made.machine.market is Market.ON_DEMAND
    assert yard.tags(made.machine.machine_id) == {
        "Name": order.member,
        "runs-fleet:pool": "default",
        "runs-fleet:member": order.member,
        "runs-fleet:spec": "f00",
        "runs-fleet:token": order.token,
        "runs-fleet:fleet": "default",
        "runs-fleet:managed": "true",
    }


def test_a_member_finds_how_to_stand_by(yard: Yard) -> None:
    order = member_order()
    made = yard.warm.launch(order)
    assert yard.configs.told(made.machine.machine_id) == StandbyConfig(
        member=order.member,
        report_key=key(SECRET, order.member),
        reports=yard.reports,
        wake=made.wake,
        idle_limit=7200.0,
    )


@pytest.mark.parametrize("same_process", [True, False])
def test_a_repeated_order_finds_its_machine(yard: Yard, same_process: bool) -> None:
    order = member_order()
    made = yard.warm.launch(order)
    again = yard.warm if same_process else yard.process()
    assert again.launch(order) == made


def test_a_repeat_with_another_template_version_finds_its_machine(
    yard: Yard, aws: Clients, place: Place
) -> None:
    order = member_order()
    made = yard.warm.launch(order)
    new_version(aws, place)
    assert yard.process().launch(order).machine.machine_id == made.machine.machine_id


def test_a_token_whose_machine_died_makes_no_other(yard: Yard) -> None:
    order = member_order()
    made = yard.warm.launch(order)
    yard.warm.remove(order.member, made.machine.machine_id)
    with pytest.raises(NoCapacity, match="which is gone"):
        yard.warm.launch(order)


def test_a_full_market_has_no_member(yard: Yard) -> None:
    yard.world.capacity(CapacityRule())
    with pytest.raises(NoCapacity):
        yard.warm.launch(member_order())


def test_a_taken_member_is_its_runners(yard: Yard, provider: Ec2Provider) -> None:
    machine_id, runner = yard.running().machine.machine_id, a_runner()
    yard.warm.take(machine_id, runner=runner, start=False, repo="acme/app")
    assert [each.machine_id for each in provider.find(runner)] == [machine_id]
    tags = yard.tags(machine_id)
    assert (tags["Name"], tags["runs-fleet:repo"]) == (runner, "acme/app")


@pytest.mark.parametrize("start", [True, False])
@pytest.mark.parametrize("same_process", [True, False])
def test_a_member_is_taken_by_one_runner_only(yard: Yard, start: bool, same_process: bool) -> None:
    machine_id = yard.stopped()[0] if start else yard.running().machine.machine_id
    first, other = a_runner(), yard.warm if same_process else yard.process()
    for _ in range(2):
        yard.warm.take(machine_id, runner=first, start=start)
    with pytest.raises(Refused, match=first):
        other.take(machine_id, runner=a_runner(), start=start)
    assert yard.tags(machine_id)["runs-fleet:runner"] == first


def test_a_stopped_member_starts_when_it_is_taken(yard: Yard) -> None:
    [machine_id], described = yard.stopped(), yard.counted("DescribeInstances")
    yard.warm.take(machine_id, runner=a_runner(), start=True)
    assert described() == 0, "who starts it need not look at it"
    yard.wait_for(machine_id, "running")


def test_a_member_that_was_started_by_a_try_that_died_is_taken(yard: Yard, aws: Clients) -> None:
    [machine_id], runner = yard.stopped(), a_runner()
    aws.ec2.start_instances(InstanceIds=[machine_id])
    yard.warm.take(machine_id, runner=runner, start=True)
    assert yard.tags(machine_id)["runs-fleet:runner"] == runner


def test_a_member_that_is_stopping_can_be_started_soon(yard: Yard) -> None:
    machine_id = yard.running().machine.machine_id
    yard.world.pull(stop_seconds=600.0)
    yard.warm.stop(machine_id)
    with pytest.raises(Unavailable, match="is stopping"):
        yard.warm.take(machine_id, runner=a_runner(), start=True)


@pytest.mark.parametrize("start", [True, False])
def test_what_is_gone_cannot_be_taken(yard: Yard, start: bool) -> None:
    order = member_order()
    machine_id = yard.warm.launch(order).machine.machine_id
    yard.warm.remove(order.member, machine_id)
    for gone in (machine_id, ABSENT):
        with pytest.raises(NoCapacity, match="is gone"):
            yard.process().take(gone, runner=a_runner(), start=start)


def test_a_hot_member_that_was_stopped_is_no_hot_member(yard: Yard) -> None:
    [machine_id] = yard.stopped()
    with pytest.raises(NoCapacity, match="is stopped"):
        yard.warm.take(machine_id, runner=a_runner(), start=False)


def test_a_stopped_member_may_find_no_capacity(yard: Yard) -> None:
    [machine_id] = yard.stopped()
    yard.world.capacity(CapacityRule(market="on-demand"))
    with pytest.raises(NoCapacity, match="InsufficientInstanceCapacity"):
        yard.warm.take(machine_id, runner=a_runner(), start=True)


def test_stopping_what_is_stopped_or_gone_is_a_success(yard: Yard) -> None:
    [machine_id] = yard.stopped()
    yard.warm.stop(machine_id)
    yard.warm.remove("", machine_id)
    yard.warm.stop(machine_id)
    yard.warm.stop(ABSENT)


def test_a_member_that_still_boots_cannot_be_stopped_yet(yard: Yard) -> None:
    yard.world.pull(boot_seconds=600.0)
    made = yard.warm.launch(member_order())
    with pytest.raises(Unavailable, match="is pending"):
        yard.warm.stop(made.machine.machine_id)


def test_a_runners_machine_is_not_stopped(yard: Yard) -> None:
    machine_id, runner = yard.running().machine.machine_id, a_runner()
    yard.warm.take(machine_id, runner=runner, start=False)
    with pytest.raises(Refused, match=runner):
        yard.process().stop(machine_id)
    assert yard.state(machine_id) == "running"


@pytest.mark.parametrize("known", [True, False])
def test_nothing_remains_of_a_removed_member(yard: Yard, known: bool) -> None:
    order = member_order()
    machine_id = yard.warm.launch(order).machine.machine_id
    assert is_there(yard, machine_id) == (True, True)
    assert yard.warm.remove(order.member, machine_id if known else None)
    yard.wait_for(machine_id, "terminated")
    assert is_there(yard, machine_id) == (False, False)
    assert yard.warm.remove(order.member, machine_id if known else None), "EC2 remembers it"


def test_an_unknown_machine_is_looked_for_by_the_members_name(yard: Yard) -> None:
    order = member_order()
    made = yard.warm.launch(order)
    assert yard.warm.remove(order.member, ABSENT)
    yard.wait_for(made.machine.machine_id, "terminated")


def test_of_what_never_was_nothing_is_seen(yard: Yard) -> None:
    assert not yard.warm.remove(member_order().member, None)
    assert not yard.warm.remove(member_order().member, ABSENT)


def test_a_pool_sees_its_members_and_no_others(yard: Yard) -> None:
    order = member_order(pool="seen")
    made, other = yard.warm.launch(order), yard.running(pool="another")
    yard.wait_for(made.machine.machine_id, "running")
    [found] = yard.warm.members("seen")
    assert (found.member, found.machine, found.state) == (order.member, made.machine, "running")
    assert (found.spec_hash, found.wake, found.runner) == ("abc", made.wake, "")
    assert found.launched_at is not None
    runner = a_runner()
    yard.warm.take(made.machine.machine_id, runner=runner, start=False)
    assert [each.runner for each in yard.warm.members("seen")] == [runner]
    yard.warm.remove(order.member, made.machine.machine_id)
    assert [each.state for each in yard.warm.members("seen")] == ["gone"]
    assert [each.machine for each in yard.warm.members("another")] == [other.machine]


@pytest.mark.parametrize(("arch", "changes"), [("arm64", True), ("amd64", False), (None, True)])
def test_a_new_template_version_is_seen_by_those_made_of_it(
    yard: Yard, aws: Clients, place: Place, arch: Arch | None, changes: bool
) -> None:
    spec = RunnerSpec(arch=arch)
    before = yard.process().site(spec)
    new_version(aws, place)
    assert (yard.process().site(spec) != before) is changes


def test_a_call_reaches_who_waits_for_it(yard: Yard, aws: Clients) -> None:
    made = yard.warm.launch(member_order())
    yard.warm.wake(made.wake)
    heard = aws.sqs.receive_message(QueueUrl=made.wake, WaitTimeSeconds=20)
    assert [each["Body"] for each in heard["Messages"]] == ["look"]


def test_calling_nobody_is_a_success(yard: Yard) -> None:
    yard.warm.wake(yard.queues.address(ABSENT))


def new_version(aws: Clients, place: Place) -> None:
    """Give the arm64 template a new default version."""
    name = place.site.templates["arm64"]
    data: RequestLaunchTemplateDataTypeDef = {"ImageId": place.image_id}
    made = aws.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=data)
    number = str(made["LaunchTemplateVersion"]["VersionNumber"])
    aws.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=number)
