"""The API as plain JSON, against a real server: its answers, lists, and watches."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest
from kubernetes.client import ApiClient, Configuration

from runs_fleet.errors import NotThere, Refused, Unavailable
from runs_fleet.providers.k8s.rest import METADATA, Conflict, Json, Rest
from simulator.kube.cluster import Cluster
from tests.k8s.access import connected

PATIENCE = 30.0
# Kubernetes puts a map of its own into each namespace.
ONE = {"fieldSelector": "metadata.name=one"}


@pytest.fixture
def client(control_plane: Cluster) -> Iterator[ApiClient]:
    with connected(control_plane) as client:
        yield client


@pytest.fixture
def rest(client: ApiClient) -> Rest:
    return Rest(client)


@pytest.fixture
def maps(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


def config_map(name: str, **data: str) -> Json:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data}


def test_what_is_there_cannot_be_made_again(rest: Rest, maps: str) -> None:
    rest.post(maps, config_map("one"))
    with pytest.raises(Conflict, match="already exists"):
        rest.post(maps, config_map("one"))


def test_what_has_changed_meanwhile_is_not_replaced(rest: Rest, maps: str) -> None:
    read = rest.post(maps, config_map("one", a="1"))
    rest.put(f"{maps}/one", {**read, "data": {"a": "2"}})
    with pytest.raises(Conflict, match="has been modified"):
        rest.put(f"{maps}/one", {**read, "data": {"a": "3"}})


def test_what_is_not_there_is_said_so(rest: Rest, maps: str) -> None:
    with pytest.raises(NotThere, match="not found"):
        rest.get(f"{maps}/nobody")
    with pytest.raises(NotThere, match="not found"):
        rest.delete(f"{maps}/nobody")


def test_nonsense_is_refused(rest: Rest, maps: str) -> None:
    with pytest.raises(Refused, match="Invalid value"):
        rest.post(maps, config_map("Not A Name"))


def test_a_list_may_leave_out_what_things_hold(rest: Rest, maps: str) -> None:
    rest.post(maps, config_map("one", secret="hidden"))
    found, version = rest.items(maps, accept=METADATA)
    assert "one" in {each["metadata"]["name"] for each in found}
    assert not any("data" in each for each in found)
    assert version


def test_a_server_that_is_away_is_unavailable() -> None:
    access = Configuration()
    access.host = "https://127.0.0.1:1"
    with ApiClient(access) as client, pytest.raises(Unavailable):
        Rest(client).get("/version")


def test_a_watch_gives_each_change(rest: Rest, maps: str) -> None:
    _, version = rest.items(maps)
    rest.post(maps, config_map("one"))
    rest.delete(f"{maps}/one")
    changes = rest.watch(maps, seconds=30, resourceVersion=version, **ONE)
    seen = list(islice(changes, 2))
    assert [(kind, thing["metadata"]["name"]) for kind, thing in seen] == [
        ("ADDED", "one"),
        ("DELETED", "one"),
    ]


def test_a_watch_can_be_ended_from_another_thread(rest: Rest, maps: str) -> None:
    _, version = rest.items(maps)
    changes = rest.watch(maps, seconds=300, resourceVersion=version, **ONE)
    timer = threading.Timer(0.1, changes.end)
    with ThreadPoolExecutor(1) as threads:
        read = threads.submit(list, changes)
        timer.start()
        assert read.result(PATIENCE) == []
    timer.join()


def test_the_server_ends_a_watch_in_time(rest: Rest, maps: str) -> None:
    _, version = rest.items(maps)
    changes = rest.watch(maps, seconds=1, resourceVersion=version, **ONE)
    assert all(kind == "BOOKMARK" for kind, _ in changes)
