"""A cold burst against an EC2 whose token buckets are the real ones."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.errors import RateLimited
from runs_fleet.models import MachineOrder
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.provider import Ec2Provider
from simulator.aws.client import AwsWorld
from simulator.aws.models import Throttle
from tests.ec2.bursts import many
from tests.ec2.conftest import Place
from tests.ec2.servers import Server

pytestmark = pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session")
BURST, THREADS = 200, 64
# With one call for each it would be 200, and a minute and a half.
MOST_CALLS = 60
ALIVE = ("pending", "running")


@pytest.fixture
def world(aws_endpoint: Server, aws: Clients) -> Iterator[AwsWorld]:
    assert aws_endpoint.world
    aws_endpoint.world.throttle(Throttle(action="CreateFleet", burst=5, refill=2))
    yield aws_endpoint.world
    aws_endpoint.world.calm()
    left = [each.machine_id for each in aws_endpoint.world.machines() if each.state in ALIVE]
    _ = left and aws.ec2.terminate_instances(InstanceIds=left)


@pytest.fixture
def provider(aws: Clients, place: Place, catalog: InstanceCatalog) -> Ec2Provider:
    return Ec2Provider(aws.ec2, place.site, catalog=catalog)


def made(provider: Ec2Provider, order: MachineOrder) -> str:
    """Create, and come back when told to, as an activity does."""
    while True:
        try:
            return provider.create(order).machine_id
        except RateLimited as error:
            Event().wait(error.after)


@pytest.mark.timeout(180)
def test_a_burst_gets_its_machines_by_a_few_calls(provider: Ec2Provider, world: AwsWorld) -> None:
    provider.warm_up()
    orders = many(BURST, repos=("acme/shop", "octo/web", "octo/app"))
    before = len(world.books().fleets)
    with ThreadPoolExecutor(THREADS) as threads:
        machines = list(threads.map(lambda order: made(provider, order), orders))
    calls = world.books().fleets[before:]
    assert len(set(machines)) == BURST
    assert len(calls) <= MOST_CALLS
    known = {each.machine_id: each.runner for each in world.machines()}
    assert [known[each] for each in machines] == [each.runner for each in orders]
