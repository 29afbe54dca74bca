"""A fake GitHub and directories with runners in them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.github import GitHubWorld, Settings
from tests.simulator.github.callers import AppClient
from tests.simulator.runner.machines import Machine

OWNERS = (f"runners-{number}" for number in itertools.count(1))


@pytest.fixture(scope="session")
def broker() -> Iterator[GitHubWorld]:
    """The GitHub that runners connect to."""
    with GitHubWorld(seed=11) as world:
        yield world


@pytest.fixture
def github(broker: GitHubWorld) -> Iterator[GitHubWorld]:
    """The same, patient for milliseconds where the real one is for minutes."""
    broker.configure(Settings(lease_ttl=0.3, deregister_after=0.2))
    yield broker
    assert broker.violations() == ()


@pytest.fixture
def app(github: GitHubWorld) -> Iterator[AppClient]:
    """Our app, installed at an owner that no other test knows."""
    owner = next(OWNERS)
    github.install(f"{owner}/app")
    client = AppClient(github, owner)
    yield client
    client.http.close()


@pytest.fixture
def machine(app: AppClient, tmp_path: Path) -> Iterator[Machine]:
    """A machine with a registered runner that is not started yet; nothing survives the test."""
    made = Machine(tmp_path / "runner", app)
    yield made
    made.burn()
