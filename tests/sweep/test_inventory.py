"""All that the fleet has in an account, from an AWS with real manners."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import RateLimited, Unavailable
from runs_fleet.models import Arch, MachineOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.launching import Launching
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.providers.ec2.site import Site
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.providers.ec2.standby import Standby, StandbyQueues
from runs_fleet.providers.ec2.warm import WarmEc2
from runs_fleet.sweep_ports import Inventory
from simulator.aws.client import AwsWorld
from simulator.aws.models import Fault, Setup, Throttle
from tests.ec2.orders import order
from tests.ec2.warming import a_runner, member_order

SOON = timedelta(minutes=1)
PREFIXES = (f"/sweep/prefix-{number}" for number in itertools.count(1))


@pytest.fixture
def calm(aws_server: AwsWorld) -> Iterator[AwsWorld]:
    yield aws_server
    aws_server.calm()


@pytest.fixture(scope="session")
def setup(aws_server: AwsWorld) -> Setup:
    return aws_server.set_up()


@pytest.fixture
def prefix() -> str:
    return next(PREFIXES)


@pytest.fixture
def inventory(account: Clients, prefix: str, calm: AwsWorld) -> Ec2Inventory:
    return Ec2Inventory(account.ec2, account.ssm, prefix)


@pytest.fixture
def configs(account: Clients, prefix: str) -> SsmConfigStore:
    return SsmConfigStore(account.ssm, prefix)


@pytest.fixture
def standby(account: Clients, configs: SsmConfigStore, setup: Setup) -> Standby:
    reports = setup.reports_queue_url
    queues = StandbyQueues(account.sqs, fleet="default", reports=reports)
    return Standby(configs, queues, report_secret="secret", reports=reports)


@pytest.fixture
def provider(account: Clients, setup: Setup) -> Ec2Provider:
    templates: dict[Arch, str] = {"arm64": setup.launch_template_arm64}
    return Ec2Provider(account.ec2, Site(templates=templates, subnets=setup.subnets))


def secret_of(wanted: MachineOrder) -> RunnerConfig:
    return RunnerConfig(
        runner=wanted.runner, jit_config="x" * 300, report_key="k", reports="https://q",
        idle_limit=1, max_runtime=1,
    )  # fmt: skip


def test_the_adapter_is_the_port(inventory: Ec2Inventory) -> None:
    port: Inventory = inventory
    assert port is inventory


def test_a_machine_is_listed_with_its_owner(inventory: Ec2Inventory, provider: Ec2Provider) -> None:
    wanted = order(repo="acme/app")
    made = provider.create(wanted)
    [found] = [each for each in inventory.machines() if each.machine_id == made.machine_id]
    assert (found.runner, found.repo) == (wanted.runner, "acme/app")
    assert abs(datetime.now(UTC) - found.launched_at) < SOON


def test_a_machine_that_was_terminated_is_listed_no_more(
    inventory: Ec2Inventory, provider: Ec2Provider
) -> None:
    made = provider.create(order())
    inventory.terminate(made.machine_id)
    assert made.machine_id not in {each.machine_id for each in inventory.machines()}
    inventory.terminate(made.machine_id)


def test_terminating_one_machine_spares_its_twin(
    inventory: Ec2Inventory, provider: Ec2Provider
) -> None:
    wanted = order()
    made = provider.create(wanted)
    twin = provider.create(wanted.model_copy(update={"token": f"{wanted.token}-twin"}))
    inventory.terminate(made.machine_id)
    alive = {each.machine_id: each.runner for each in inventory.machines()}
    assert alive[twin.machine_id] == wanted.runner


def test_a_machine_that_never_was_is_gone(inventory: Ec2Inventory) -> None:
    inventory.terminate("i-0123456789abcdef0")


def test_a_machine_without_our_tags_is_nobodys_business(
    inventory: Ec2Inventory, account: Clients, setup: Setup
) -> None:
    template = {"LaunchTemplateId": setup.launch_template_amd64, "Version": "$Default"}
    place = {"InstanceType": "c7i.large", "SubnetId": setup.subnets[0]}
    config: Any = {"LaunchTemplateSpecification": template, "Overrides": [place]}
    made = account.ec2.create_fleet(
        Type="instant",
        LaunchTemplateConfigs=[config],
        TargetCapacitySpecification={"TotalTargetCapacity": 1},
    )
    foreign = made["Instances"][0]["InstanceIds"][0]
    assert foreign not in {each.machine_id for each in inventory.machines()}


def test_configs_are_listed_unread(
    inventory: Ec2Inventory, configs: SsmConfigStore, aws_server: AwsWorld, prefix: str
) -> None:
    ids = [f"i-{number:017x}" for number in range(60)]
    for machine_id in ids:
        configs.store(machine_id, secret_of(order()))
    held = inventory.configs()
    assert [each.machine_id for each in held] == ids
    assert abs(datetime.now(UTC) - held[0].written_at) < SOON
    assert aws_server.books().parameters[f"{prefix}/{ids[0]}"].read == 0


def test_a_member_is_listed_as_its_pools_and_then_as_its_jobs(
    inventory: Ec2Inventory, standby: Standby, account: Clients, setup: Setup
) -> None:
    site = Site(templates={"arm64": setup.launch_template_arm64}, subnets=setup.subnets)
    warm = WarmEc2(Launching(account.ec2, site, catalog=InstanceCatalog(account.ec2)), standby)
    wanted, runner = member_order(pool="swept"), a_runner()
    made = warm.launch(wanted).machine.machine_id
    [found] = [each for each in inventory.machines() if each.machine_id == made]
    assert (found.pool, found.member, found.runner) == ("swept", wanted.member, "")
    warm.take(made, runner=runner, start=False, repo="acme/app")
    [found] = [each for each in inventory.machines() if each.machine_id == made]
    assert (found.member, found.runner, found.repo) == (wanted.member, runner, "acme/app")


def test_a_queue_whose_machine_is_gone_goes_as_a_config(
    account: Clients, standby: Standby, prefix: str
) -> None:
    inventory = Ec2Inventory(account.ec2, account.ssm, prefix, standby=standby.queues)
    left, whole = "i-0aaaa", "i-0bbbb"
    standby.queues.open(left)
    standby.open("member", whole, idle_limit=timedelta(hours=1))
    held = [each.machine_id for each in inventory.configs()]
    assert [held.count(each) for each in (left, whole)] == [1, 1]
    for machine_id in (left, whole):
        standby.configs.delete(machine_id)
    assert {left, whole}.isdisjoint(each.machine_id for each in inventory.configs())
    standby.configs.delete(left)


def test_queues_that_we_may_not_list_are_none(
    account: Clients, calm: AwsWorld, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    calm.fault(Fault(action="ListQueues", kind="error", code="AccessDenied", status=403))
    assert standby.queues.machines() == []
    assert "queues of standby cannot be listed" in caplog.messages


def test_queues_that_cannot_be_listed_are_an_error(calm: AwsWorld, standby: Standby) -> None:
    calm.fault(Fault(action="ListQueues", kind="error"))
    with pytest.raises(Unavailable):
        standby.queues.machines()


def test_what_is_no_machines_is_left_alone(
    inventory: Ec2Inventory, account: Clients, prefix: str
) -> None:
    account.ssm.put_parameter(Name=f"{prefix}/notes", Value="ours?", Type="String")
    account.ssm.put_parameter(Name=f"{prefix}/deeper/i-0abc", Value="ours?", Type="String")
    assert inventory.configs() == []


@pytest.mark.parametrize("look", [Ec2Inventory.machines, Ec2Inventory.configs])
def test_an_error_is_no_empty_list(
    inventory: Ec2Inventory, calm: AwsWorld, look: Callable[[Ec2Inventory], object]
) -> None:
    calm.fault(Fault(action="DescribeInstances", kind="error"))
    calm.fault(Fault(action="DescribeParameters", kind="error"))
    with pytest.raises(Unavailable):
        look(inventory)


def test_a_throttled_list_says_so(inventory: Ec2Inventory, calm: AwsWorld) -> None:
    calm.throttle(Throttle(action="DescribeInstances", burst=0, refill=0.0))
    with pytest.raises(RateLimited):
        inventory.machines()
