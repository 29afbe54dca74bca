"""One fake GitHub for all tests, an owner of its own for each."""

import itertools
import threading
from collections.abc import Iterator

import pytest

from simulator.github import Chaos, GitHubWorld, Settings
from tests.simulator.github.callers import AppClient, Desk, HookServer

OWNERS = (f"owner-{number}" for number in itertools.count(1))


@pytest.fixture
def desk() -> Desk:
    """The state machine alone."""
    return Desk()


@pytest.fixture(scope="session")
def server() -> Iterator[GitHubWorld]:
    """The process that all tests share."""
    with GitHubWorld(seed=5) as world:
        yield world


@pytest.fixture
def github(server: GitHubWorld) -> Iterator[GitHubWorld]:
    """A GitHub in its usual mood, whose every answer must fit GitHub's own description."""
    known = server.violations()
    yield server
    server.configure(Settings())
    server.chaos(Chaos())
    server.clear_faults()
    server.sign_with(*server.webhook_secrets)
    assert server.violations() == known


@pytest.fixture
def owner() -> str:
    """An organization that no other test knows."""
    return next(OWNERS)


@pytest.fixture
def app(github: GitHubWorld, owner: str) -> Iterator[AppClient]:
    """Our app, installed at the owner's `app` repository."""
    github.install(f"{owner}/app")
    client = AppClient(github, owner)
    yield client
    client.http.close()


@pytest.fixture
def hook(github: GitHubWorld) -> Iterator[HookServer]:
    """A receiver of webhooks."""
    with HookServer() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
        thread.start()
        github.deliver_to(receiver.url)
        yield receiver
        receiver.hold.set()
        receiver.shutdown()
        thread.join()
