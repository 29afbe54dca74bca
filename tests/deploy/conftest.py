"""A place to deploy to."""

import pytest
from temporalio.client import Client

from tests.deploy.builds import Site
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider


@pytest.fixture
def site(
    temporal: Client, provider: MemoryProvider, configs: MemoryConfigs, github: MemoryGitHub
) -> Site:
    return Site(temporal, provider, configs, github)
