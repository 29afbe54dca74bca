"""One worker at a time holds the Lease, on a real API server."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from kubernetes.client import ApiClient

from runs_fleet.errors import Unavailable
from runs_fleet.providers.k8s.lease import Lease
from runs_fleet.providers.k8s.rest import Json, Rest
from simulator.kube.cluster import Cluster
from tests.k8s.access import connected

NAME = "runs-fleet-default-watch"


@dataclass
class Clock:
    """A clock that the test moves."""

    time: float = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def client(control_plane: Cluster) -> Iterator[ApiClient]:
    with connected(control_plane) as client:
        yield client


@dataclass
class Party:
    """One worker's view of the Lease."""

    lease: Lease
    clock: Clock = field(default_factory=Clock)


@pytest.fixture
def one(client: ApiClient, namespace: str) -> Party:
    return party(client, namespace, "one")


@pytest.fixture
def other(client: ApiClient, namespace: str) -> Party:
    return party(client, namespace, "other")


def party(client: ApiClient, namespace: str, identity: str) -> Party:
    clock = Clock()
    lease = Lease(Rest(client), namespace, NAME, identity=identity, clock=clock)
    return Party(lease, clock)


def test_the_first_that_asks_gets_it(one: Party, other: Party) -> None:
    assert one.lease.renew()
    assert not other.lease.renew()
    assert (one.lease.held, other.lease.held) == (True, False)


def test_its_holder_keeps_it(one: Party, other: Party) -> None:
    one.lease.renew()
    other.lease.renew()
    one.clock.time += 14
    other.clock.time += 14
    assert one.lease.renew()
    other.clock.time += 14
    assert not other.lease.renew()


def test_a_holder_that_is_silent_loses_it(one: Party, other: Party) -> None:
    one.lease.renew()
    assert not other.lease.renew()
    other.clock.time += 16
    assert other.lease.renew()
    assert not one.lease.renew()
    assert not one.lease.held


def test_its_holder_stops_before_others_may_begin(one: Party) -> None:
    one.lease.renew()
    one.clock.time += 9
    assert one.lease.held
    one.clock.time += 2
    assert not one.lease.held


def test_a_holder_that_lets_go_is_followed_at_once(one: Party, other: Party) -> None:
    one.lease.renew()
    assert not other.lease.renew()
    one.lease.release()
    assert not one.lease.held
    assert other.lease.renew()


def test_who_does_not_hold_it_cannot_let_go_of_it(one: Party, other: Party) -> None:
    one.lease.renew()
    other.lease.release()
    assert not other.lease.renew()
    assert one.lease.renew()


def test_of_two_that_see_it_free_one_gets_it(client: ApiClient, namespace: str) -> None:
    early = party(client, namespace, "early")
    early.lease.renew()
    early.lease.release()
    rest = Rest(client)
    slow = party(client, namespace, "slow")
    slow.lease.rest = Overtaken(rest, party(client, namespace, "quick").lease)
    assert not slow.lease.renew()


class Overtaken(Rest):
    """Lets another one take the Lease between this one's look and its grip."""

    def __init__(self, rest: Rest, quick: Lease) -> None:
        self._rest, self._quick = rest, quick

    def get(self, path: str, **query: str) -> Json:
        found = self._rest.get(path, **query)
        assert self._quick.renew()
        return found

    def put(self, path: str, body: Json, *, quote: bool = True) -> Json:
        return self._rest.put(path, body, quote=quote)


def test_a_server_that_is_away_leaves_it_as_long_as_it_is_sure(
    one: Party, client: ApiClient, namespace: str
) -> None:
    one.lease.renew()
    one.lease.rest = Away()
    with pytest.raises(Unavailable):
        one.lease.renew()
    assert one.lease.held
    one.clock.time += 11
    assert not one.lease.held
    one.lease.release()


class Away(Rest):
    """A server that does not answer."""

    def __init__(self) -> None:
        pass

    def get(self, path: str, **query: str) -> Json:
        raise Unavailable(f"no answer to {path}")
