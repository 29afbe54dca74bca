"""The EC2 provider does what every provider does."""

import pytest

from tests.provider_contract import ProviderContract, asked

__all__ = ["asked"]
# Bare moto takes the same token for another order.
pytestmark = pytest.mark.parametrize("aws_endpoint", ["manners"], indirect=True, scope="session")


@pytest.fixture
def absent() -> str:
    return "i-0123456789abcdef0"


class TestEc2(ProviderContract):
    """Against a server that speaks EC2."""
