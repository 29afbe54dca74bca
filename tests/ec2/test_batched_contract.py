"""A provider that launches an order together with others does what every provider does."""

import pytest

from runs_fleet.aws.clients import Clients
from runs_fleet.models import Machine, MachineOrder
from runs_fleet.providers.ec2.catalog import InstanceCatalog
from runs_fleet.providers.ec2.provider import Ec2Provider, Manner
from tests.ec2.bursts import TOGETHER, create_all
from tests.ec2.conftest import Place
from tests.ec2.orders import order
from tests.provider_contract import ProviderContract, asked

__all__ = ["asked"]
pytestmark = pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session")


class Accompanied:
    """Never launches an order alone, unless it is tried again."""

    def __init__(self, inner: Ec2Provider) -> None:
        self._inner = inner
        self._known: set[str] = set()
        self.terminate, self.describe, self.find = inner.terminate, inner.describe, inner.find

    def create(self, order: MachineOrder) -> Machine:
        company = [] if order.token in self._known else companions(order)
        self._known.add(order.token)
        [mine, *_] = create_all(self._inner, [order, *company])
        if not isinstance(mine, Machine):
            raise mine
        return mine


def companions(asked: MachineOrder) -> list[MachineOrder]:
    return [order(spec=asked.spec, rung=asked.rung) for _ in range(3)]


@pytest.fixture
def provider(aws: Clients, place: Place, catalog: InstanceCatalog) -> Accompanied:
    manner = Manner(pace=TOGETHER)
    return Accompanied(Ec2Provider(aws.ec2, place.site, catalog=catalog, manner=manner))


@pytest.fixture
def absent() -> str:
    return "i-0123456789abcdef0"


class TestBatchedEc2(ProviderContract):
    """Against a server that speaks EC2."""
