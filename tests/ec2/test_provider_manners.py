"""The EC2 provider against an EC2 that loses answers, sells out and shows things late."""

from collections.abc import Iterator

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import NoCapacity, Unavailable
from runs_fleet.models import Market, Rung
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.provider import Ec2Provider
from simulator.aws.client import AwsWorld
from simulator.aws.models import CapacityRule, Fault
from tests.ec2.conftest import Place
from tests.ec2.orders import ON_DEMAND, order
from tests.ec2.servers import Server

pytestmark = pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session")


@pytest.fixture
def world(aws_endpoint: Server) -> Iterator[AwsWorld]:
    assert aws_endpoint.world
    yield aws_endpoint.world
    aws_endpoint.world.plenty()


def machines_of(world: AwsWorld, token: str) -> list[str]:
    return [each.machine_id for each in world.machines() if each.token == token]


@pytest.mark.parametrize("kind", ["lost_answer", "late_error"])
def test_answers_lost_in_a_row_still_make_one_machine(
    provider: Ec2Provider, world: AwsWorld, kind: str
) -> None:
    world.fault(Fault.model_validate({"action": "CreateFleet", "kind": kind, "times": 2}))
    asked = order()
    with pytest.raises(Unavailable):
        provider.create(asked)
    with pytest.raises(Unavailable):
        provider.create(asked)
    made = provider.create(asked)
    assert machines_of(world, asked.token) == [made.machine_id]


def test_a_machine_whose_answer_was_lost_is_found_by_name(
    provider: Ec2Provider, world: AwsWorld
) -> None:
    world.fault(Fault(action="CreateFleet", kind="lost_answer"))
    asked = order()
    with pytest.raises(Unavailable):
        provider.create(asked)
    assert provider.terminate(asked.runner)
    (machine_id,) = machines_of(world, asked.token)
    assert provider.describe([machine_id])[0].state == "gone"


def test_a_sold_out_spot_market_leads_to_on_demand(provider: Ec2Provider, world: AwsWorld) -> None:
    world.capacity(CapacityRule(market="spot"))
    with pytest.raises(NoCapacity, match="InsufficientInstanceCapacity"):
        provider.create(order())
    assert provider.create(order(rung=ON_DEMAND)).market is Market.ON_DEMAND


def test_a_full_zone_is_left_for_another(provider: Ec2Provider, world: AwsWorld) -> None:
    world.capacity(CapacityRule(zone="us-east-1a"))
    assert provider.create(order()).zone == "us-east-1b"


def test_a_quota_is_called_by_its_name(provider: Ec2Provider, world: AwsWorld) -> None:
    world.capacity(CapacityRule(error="MaxSpotInstanceCountExceeded"))
    with pytest.raises(NoCapacity, match="quota: MaxSpotInstanceCountExceeded"):
        provider.create(order())


def test_a_reclaimed_spot_machine_says_why_it_is_gone(
    provider: Ec2Provider, world: AwsWorld
) -> None:
    made = provider.create(order())
    world.lose(made.machine_id)
    status = provider.describe([made.machine_id])[0]
    assert status.state == "gone"
    assert status.cause


def test_a_token_never_makes_a_second_machine(provider: Ec2Provider) -> None:
    asked = order()
    assert provider.create(asked) == provider.create(asked)


def test_another_process_finds_what_a_token_made(
    provider: Ec2Provider, aws: Clients, place: Place, catalog: InstanceCatalog
) -> None:
    asked = order()
    wider = asked.model_copy(update={"rung": Rung(market=Market.SPOT, wide=True)})
    other = Ec2Provider(aws.ec2, place.site, catalog=catalog)
    assert provider.create(asked) == other.create(wider)


def test_a_token_of_a_dead_machine_is_of_no_more_use(provider: Ec2Provider) -> None:
    asked = order()
    provider.terminate(asked.runner, provider.create(asked).machine_id)
    with pytest.raises(NoCapacity):
        provider.create(asked)
