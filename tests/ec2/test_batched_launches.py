"""Orders that arrive together are launched together, and each has its own machine."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import MachineGone, NoCapacity, RateLimited, Unavailable
from runs_fleet.models import Machine, MachineOrder, RunnerSpec
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.provider import Ec2Provider, Manner
from simulator.aws.client import AwsWorld
from simulator.aws.models import CapacityRule, Fault, MachineRecord
from tests.ec2.bursts import TOGETHER, Notebook, create_all, machine_ids, many
from tests.ec2.conftest import Place
from tests.ec2.servers import Server

pytestmark = pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session")
# Another process of the same fleet; it remembers nothing but what is written in the notebook.
Process = Callable[[Notebook], Ec2Provider]
ALIVE = ("pending", "running")


@pytest.fixture
def world(aws_endpoint: Server, aws: Clients) -> Iterator[AwsWorld]:
    assert aws_endpoint.world
    yield aws_endpoint.world
    aws_endpoint.world.calm()
    left = [each.machine_id for each in aws_endpoint.world.machines() if each.state in ALIVE]
    _ = left and aws.ec2.terminate_instances(InstanceIds=left)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def process(aws: Clients, place: Place, catalog: InstanceCatalog) -> Process:
    def begin(notebook: Notebook) -> Ec2Provider:
        manner = Manner(pace=TOGETHER, diary=notebook)
        return Ec2Provider(aws.ec2, place.site, catalog=catalog, manner=manner)

    return begin


@pytest.fixture
def provider(process: Process, notebook: Notebook) -> Ec2Provider:
    return process(notebook)


def failed(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook, *, kind: str
) -> list[MachineOrder]:
    """Write six orders whose one call fails in this way."""
    world.fault(Fault.model_validate({"action": "CreateFleet", "kind": kind}))
    orders = many(6)
    answers = create_all(provider, orders, notebook)
    assert {type(each) for each in answers} == {Unavailable}
    return orders


def fleets(world: AwsWorld, orders: list[MachineOrder]) -> list[str]:
    """List the tokens of the calls that were made for any of these orders."""
    runners = {each.runner for each in orders}
    return [call.token for call in world.books().fleets if runners & set(call.runners)]


def made_for(world: AwsWorld, orders: list[MachineOrder]) -> list[MachineRecord]:
    """List all machines that were ever made for these orders."""
    runners = {each.runner for each in orders}
    return [each for each in world.machines() if each.runner in runners]


def owners(world: AwsWorld, answers: list[Machine | Exception]) -> list[str]:
    known = {each.machine_id: each.runner for each in world.machines()}
    return [known[each.machine_id] for each in answers if isinstance(each, Machine)]


def test_orders_for_the_same_machine_are_one_call(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(12)
    answers = create_all(provider, orders, notebook)
    assert len(fleets(world, orders)) == 1
    assert len(set(machine_ids(answers))) == 12
    assert owners(world, [*answers]) == [each.runner for each in orders]


def test_orders_for_another_machine_are_another_call(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = [*many(3), *many(3, spec=RunnerSpec(arch="amd64"))]
    assert len(set(machine_ids(create_all(provider, orders, notebook)))) == 6
    assert len(fleets(world, orders)) == 2


def test_what_does_not_concern_the_machine_keeps_nobody_apart(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = [*many(2), *many(2, spec=RunnerSpec(arch="arm64", pool="web", rerun=False))]
    machine_ids(create_all(provider, orders, notebook))
    assert len(fleets(world, orders)) == 1


def test_each_finds_its_own_machine_by_name(provider: Ec2Provider, notebook: Notebook) -> None:
    orders = many(5)
    made = machine_ids(create_all(provider, orders, notebook))
    found = [provider.find(each.runner) for each in orders]
    assert [[each.machine_id for each in some] for some in found] == [[each] for each in made]
    described = {each.machine_id: each.runner for each in provider.describe(made)}
    assert [described[each] for each in made] == [each.runner for each in orders]


def test_another_process_pairs_them_the_same_way(
    provider: Ec2Provider, process: Process, notebook: Notebook
) -> None:
    orders = many(5)
    made = machine_ids(create_all(provider, orders, notebook))
    other = process(Notebook())
    assert [other.find(each.runner)[0].machine_id for each in orders] == made


def test_a_machine_that_is_removed_by_name_takes_no_other_along(
    provider: Ec2Provider, process: Process, notebook: Notebook
) -> None:
    orders = many(5)
    made = machine_ids(create_all(provider, orders, notebook))
    assert process(Notebook()).terminate(orders[2].runner)
    states = [each.state in ALIVE for each in sorted(provider.describe(made), key=made_at(made))]
    assert states == [True, True, False, True, True]


def made_at(made: list[str]) -> Callable[[object], int]:
    return lambda status: made.index(getattr(status, "machine_id", ""))


def test_too_few_machines_go_to_the_first_and_the_others_hear_so(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    world.capacity(CapacityRule(capacity=0))
    world.capacity(CapacityRule(instance_type="r6gd.large", zone="us-east-1a", capacity=4))
    orders = many(10, spec=RunnerSpec(arch="arm64", families=("r6gd",)))
    answers = create_all(provider, orders, notebook)
    kinds = Counter(type(each) for each in answers)
    assert kinds == {Machine: 4, NoCapacity: 6}
    assert len(fleets(world, orders)) == 1
    served = [o for o, each in zip(orders, answers, strict=True) if isinstance(each, Machine)]
    other = process(Notebook())
    found = [other.find(each.runner) for each in orders]
    assert [bool(some) for some in found] == [each in served for each in orders]


@pytest.mark.parametrize("kind", ["lost_answer", "late_error"])
def test_a_lost_answer_is_asked_for_once_more_and_doubles_nothing(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook, kind: str
) -> None:
    orders = failed(provider, world, notebook, kind=kind)
    made = machine_ids(create_all(provider, orders, notebook))
    assert sorted(made) == sorted(each.machine_id for each in made_for(world, orders))


def test_a_crash_after_the_call_doubles_nothing(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    orders = failed(provider, world, notebook, kind="lost_answer")
    made = machine_ids(create_all(process(notebook), orders, notebook))
    assert sorted(made) == sorted(each.machine_id for each in made_for(world, orders))
    assert owners(world, [*create_all(process(notebook), orders, notebook)]) == [
        each.runner for each in orders
    ]


def test_a_crash_that_loses_the_notes_as_well_doubles_nothing(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    orders = failed(provider, world, notebook, kind="lost_answer")
    notebook.notes.clear()
    made = machine_ids(create_all(process(notebook), orders, notebook))
    assert sorted(made) == sorted(each.machine_id for each in made_for(world, orders))
    assert len(fleets(world, orders)) == 1


def test_a_crash_before_the_call_is_made_good(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    orders = failed(provider, world, notebook, kind="error")
    assert made_for(world, orders) == []
    assert len(set(machine_ids(create_all(process(notebook), orders, notebook)))) == 6
    assert len(made_for(world, orders)) == 6


def test_two_processes_that_go_on_one_after_the_other_make_each_machine_once(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    orders = failed(provider, world, notebook, kind="error")
    first = machine_ids(create_all(process(notebook), orders[:3], notebook))
    second = machine_ids(create_all(process(notebook), orders[3:], notebook))
    assert sorted(first + second) == sorted(each.machine_id for each in made_for(world, orders))


def test_who_was_throttled_is_bound_to_nobody(
    provider: Ec2Provider, process: Process, world: AwsWorld, notebook: Notebook
) -> None:
    throttle = Fault(action="CreateFleet", kind="error", code="RequestLimitExceeded", status=503)
    world.fault(throttle)
    orders = many(4)
    assert {type(each) for each in create_all(provider, orders, notebook)} == {RateLimited}
    assert len(machine_ids(create_all(process(notebook), orders[:1], notebook))) == 1
    assert len(made_for(world, orders)) == 1


def test_a_repeat_finds_its_machine_and_a_dead_one_is_said_to_be_dead(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(3)
    made = machine_ids(create_all(provider, orders, notebook))
    assert machine_ids(create_all(provider, orders, notebook)) == made
    provider.terminate(orders[1].runner, made[1])
    answers = create_all(provider, orders, notebook)
    assert [type(each) for each in answers] == [Machine, MachineGone, Machine]
    assert len(fleets(world, orders)) == 1


def test_an_order_that_is_tried_again_while_it_waits_is_launched_once(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(4)
    made = machine_ids(create_all(provider, [*orders, *orders, *orders], notebook))
    assert made[:4] == made[4:8] == made[8:]
    assert sorted(made[:4]) == sorted(each.machine_id for each in made_for(world, orders))


def test_what_nobody_wants_any_more_is_not_launched(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(4)
    notebook.cancelled = {orders[0].token, orders[2].token}
    answers = create_all(provider, orders, notebook)
    assert [type(each) for each in answers] == [NoCapacity, Machine, NoCapacity, Machine]
    assert len(made_for(world, orders)) == 2


def test_the_inventory_knows_whose_each_is_and_of_which_repository(
    provider: Ec2Provider, aws: Clients, notebook: Notebook
) -> None:
    orders = many(5, repos=("acme/shop", "octo/web"))
    made = machine_ids(create_all(provider, orders, notebook))
    listed = {each.machine_id: each for each in Ec2Inventory(aws.ec2, aws.ssm, "/p").machines()}
    assert [(listed[each].runner, listed[each].repo) for each in made] == [
        (each.runner, each.repo) for each in orders
    ]


def test_machines_of_one_repository_bear_its_name(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(3, repos=("acme/shop",))
    create_all(provider, orders, notebook)
    tags = [each.tags["runs-fleet:repo"] for each in made_for(world, orders)]
    assert tags == ["acme/shop"] * 3


def test_machines_that_go_together_are_ended_together(
    provider: Ec2Provider, world: AwsWorld, notebook: Notebook
) -> None:
    orders = many(8)
    made = machine_ids(create_all(provider, orders, notebook))
    before = world.books().count("TerminateInstances")
    with_unknown = [*zip([each.runner for each in orders], made, strict=True)]
    seen = end_all(provider, [*with_unknown, ("runs-fleet-1-1", "i-0123456789abcdef0")])
    assert seen == [True] * 8 + [False]
    assert world.books().count("TerminateInstances") - before <= 2
    assert {each.state for each in provider.describe(made)} == {"gone"}


def end_all(provider: Ec2Provider, wanted: list[tuple[str, str]]) -> list[bool]:
    with ThreadPoolExecutor(len(wanted)) as threads:
        return list(threads.map(lambda each: provider.terminate(*each), wanted))
