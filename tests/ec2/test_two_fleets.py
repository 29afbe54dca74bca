"""Two fleets in one account and region, whose jobs may even have the same ids."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.models import MachineOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.inventory import Ec2Inventory
from runs_fleet.providers.ec2.provider import Ec2Provider
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from tests.ec2.conftest import Place
from tests.ec2.orders import order

PREFIX = "/two-fleets/runners"


@pytest.fixture
def asked() -> MachineOrder:
    return order()


@pytest.fixture
def neighbour(
    provider: Ec2Provider, aws: Clients, place: Place, catalog: InstanceCatalog
) -> Ec2Provider:
    """Another fleet's provider; the machines of both are taken away afterwards."""
    return Ec2Provider(aws.ec2, replace(place.site, fleet="neighbour"), catalog=catalog)


@pytest.fixture
def neighbours(
    provider: Ec2Provider, neighbour: Ec2Provider, asked: MachineOrder
) -> tuple[str, str]:
    """Our machine and theirs, of the same order."""
    return provider.create(asked).machine_id, neighbour.create(asked).machine_id


@pytest.fixture
def configs(aws: Clients) -> Iterator[SsmConfigStore]:
    """Where both fleets keep their configs, though they should not."""
    store = SsmConfigStore(aws.ssm, PREFIX)
    yield store
    for held in (*inventory(aws).configs(), *inventory(aws, "neighbour").configs()):
        store.delete(held.machine_id)


def inventory(aws: Clients, fleet: str = "default") -> Ec2Inventory:
    return Ec2Inventory(aws.ec2, aws.ssm, PREFIX, fleet=fleet)


def test_the_same_order_makes_a_machine_for_each_of_them(
    provider: Ec2Provider,
    neighbour: Ec2Provider,
    asked: MachineOrder,
    neighbours: tuple[str, str],
) -> None:
    ours, theirs = neighbours
    assert ours != theirs
    assert [each.machine_id for each in provider.find(asked.runner)] == [ours]
    assert [each.machine_id for each in neighbour.find(asked.runner)] == [theirs]


def test_taking_a_runner_away_by_name_spares_the_neighbours(
    provider: Ec2Provider,
    neighbour: Ec2Provider,
    asked: MachineOrder,
    neighbours: tuple[str, str],
) -> None:
    ours, theirs = neighbours
    assert neighbour.terminate(asked.runner)
    states = {each.machine_id: each.state for each in provider.describe([ours])}
    assert states[ours] in ("pending", "running")
    assert [each.state for each in neighbour.describe([theirs])] in ([], ["gone"])


def test_each_sees_only_its_own_machines(neighbours: tuple[str, str], aws: Clients) -> None:
    ours, theirs = neighbours
    listed = {each.machine_id for each in inventory(aws).machines()}
    assert (ours in listed, theirs in listed) == (True, False)
    assert [each.machine_id for each in inventory(aws, "neighbour").machines()] == [theirs]


def test_a_machine_older_than_the_tag_belongs_to_the_default_fleet(
    provider: Ec2Provider, asked: MachineOrder, aws: Clients
) -> None:
    made = provider.create(asked).machine_id
    aws.ec2.delete_tags(Resources=[made], Tags=[{"Key": "runs-fleet:fleet"}])
    assert made in {each.machine_id for each in inventory(aws).machines()}
    assert [each.machine_id for each in provider.find(asked.runner)] == [made]
    assert inventory(aws, "neighbour").machines() == []


def test_a_config_of_the_neighbours_machine_is_not_ours_to_sweep(
    neighbours: tuple[str, str], configs: SsmConfigStore, aws: Clients
) -> None:
    ours, theirs = neighbours
    config = RunnerConfig(
        runner="runs-fleet-1-1", jit_config="x", report_key="k", reports="https://q",
        idle_limit=1, max_runtime=1,
    )  # fmt: skip
    configs.store(ours, config)
    configs.store(theirs, config)
    assert [each.machine_id for each in inventory(aws).configs()] == [ours]
    assert [each.machine_id for each in inventory(aws, "neighbour").configs()] == [theirs]
