"""The Kubernetes provider does what every provider does."""

import pytest

from tests.provider_contract import ProviderContract, asked

__all__ = ["asked"]


@pytest.fixture
def absent() -> str:
    return "runs-fleet-1-1"


class TestKubernetes(ProviderContract):
    """On a real API server."""
