"""Definitions of pools are kept: in a ConfigMap of a real cluster, in DynamoDB, and in memory."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol

import pytest

from runs_fleet.errors import Refused, Unavailable
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Cache, Demand, PoolDefinition, Targets
from runs_fleet.pools.ports import PoolStore
from runs_fleet.pools.stores import MemoryPoolStore
from runs_fleet.providers.ec2 import pool_store as ec2
from runs_fleet.providers.ec2.pool_store import DynamoPoolStore
from runs_fleet.providers.k8s.cluster import CONFIG_MAPS, Cluster
from runs_fleet.providers.k8s.errors import Conflict
from runs_fleet.providers.k8s.pool_store import K8sPoolStore
from runs_fleet.providers.k8s.rest import Json

FLEET = "default"
NAME = f"runs-fleet-pools-{FLEET}"


def pool(name: str = "default", **changed: Any) -> PoolDefinition:
    return PoolDefinition.model_validate(
        {"name": name, "mode": "k8s", "spec": RunnerSpec(), "max": 10, **changed}
    )


EVERYTHING = pool(
    "everything",
    targets=Targets(hot=3),
    idle_timeout=timedelta(minutes=7),
    demand=Demand(cap=5),
    repositories=("acme/*",),
    weights={"acme/app": 3},
    cache=Cache(size=10, volumes=2, storage_class="fast"),
)


class World(Protocol):
    """One place to keep definitions in, and who comes there."""

    def worker(self, fleet: str = FLEET) -> PoolStore:
        """Come there for the first time."""
        ...

    def spoil(self, name: str, text: str) -> None:
        """Write something there by hand."""
        ...


class Memory:
    def __init__(self) -> None:
        self._texts = dict[str, dict[str, str]]()

    def worker(self, fleet: str = FLEET) -> PoolStore:
        store = MemoryPoolStore()
        store.texts = self._texts.setdefault(fleet, store.texts)
        return store

    def spoil(self, name: str, text: str) -> None:
        self._texts[FLEET][name] = text


class Kubernetes:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def worker(self, fleet: str = FLEET) -> PoolStore:
        return K8sPoolStore(self._cluster, fleet=fleet)

    def spoil(self, name: str, text: str) -> None:
        found = self._cluster.read(CONFIG_MAPS, NAME)
        data = {**found["data"], name: text}
        self._cluster.replace({**found, "kind": "ConfigMap", "data": data})


class Dynamo:
    def __init__(self, client: Any, table: str) -> None:
        self._client, self._table = client, table

    def worker(self, fleet: str = FLEET) -> PoolStore:
        return DynamoPoolStore(self._client, self._table, fleet=fleet)

    def spoil(self, name: str, text: str) -> None:
        item = {ec2.FLEET: {"S": FLEET}, ec2.POOL: {"S": name}, ec2.DEFINITION: {"S": text}}
        self._client.put_item(TableName=self._table, Item=item)


@pytest.fixture
def table(dynamodb: Any) -> str:
    name = f"pools-{uuid.uuid4().hex}"
    keys = {"fleet": "HASH", "pool": "RANGE"}
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


WORLDS: dict[str, Callable[[pytest.FixtureRequest], World]] = {
    "memory": lambda _: Memory(),
    "kubernetes": lambda request: Kubernetes(request.getfixturevalue("cluster")),
    "dynamodb": lambda request: Dynamo(
        request.getfixturevalue("dynamodb"), request.getfixturevalue("table")
    ),
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param](request)


@pytest.fixture
def store(world: World) -> PoolStore:
    return world.worker()


def test_where_nothing_was_kept_there_is_nothing(store: PoolStore) -> None:
    assert list(store.load()) == []


def test_what_is_kept_is_found_by_others_in_order_of_names(world: World) -> None:
    world.worker().put(pool("small"))
    world.worker().put(EVERYTHING)
    assert list(world.worker().load()) == [EVERYTHING, pool("small")]


def test_a_definition_takes_the_place_of_the_one_of_its_name(store: PoolStore) -> None:
    store.put(pool(max=1))
    store.put(pool(max=2))
    assert list(store.load()) == [pool(max=2)]


def test_keeping_the_same_again_is_a_success(world: World) -> None:
    first, second = world.worker(), world.worker()
    assert list(first.load()) == list(second.load()) == []
    first.put(pool())
    second.put(pool())
    assert list(first.load()) == [pool()]


def test_what_is_forgotten_is_gone_and_the_others_stay(store: PoolStore) -> None:
    store.put(pool("kept"))
    store.put(pool("gone"))
    store.remove("gone")
    assert list(store.load()) == [pool("kept")]


def test_forgetting_what_was_never_there_is_a_success(store: PoolStore) -> None:
    store.remove("never-was")
    assert list(store.load()) == []


@pytest.mark.parametrize("before", [(), (pool(max=1),)], ids=["new", "known"])
def test_what_somebody_else_has_written_meanwhile_is_not_overwritten(
    world: World, before: tuple[PoolDefinition, ...]
) -> None:
    for each in before:
        world.worker().put(each)
    mine = world.worker()
    mine.load()
    world.worker().put(pool(max=2))
    with pytest.raises(Refused, match=r"'default' in .* was changed by somebody else"):
        mine.put(pool(max=3))
    assert list(mine.load()) == [pool(max=2)]
    mine.put(pool(max=3))
    assert list(world.worker().load()) == [pool(max=3)]


def test_what_somebody_else_has_removed_meanwhile_stays_removed(world: World) -> None:
    mine = world.worker()
    mine.put(pool(max=1))
    mine.load()
    world.worker().remove("default")
    with pytest.raises(Refused, match="changed by somebody else"):
        mine.put(pool(max=2))
    assert list(mine.load()) == []


def test_who_removes_a_pool_may_make_it_anew(store: PoolStore) -> None:
    store.put(pool(max=1))
    store.load()
    store.remove("default")
    store.put(pool(max=2))
    assert list(store.load()) == [pool(max=2)]


def test_writers_of_other_pools_do_not_disturb_each_other(world: World) -> None:
    wanted = [pool(f"pool-{number:02}") for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda each: world.worker().put(each), wanted))
    assert list(world.worker().load()) == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no JSON", "'spoilt': Invalid JSON"),
        ('{"name": "spoilt"}', "'spoilt': mode: Field required"),
        (pool("other").model_dump_json(), "'spoilt': is of a pool named 'other'"),
    ],
)
def test_what_cannot_be_read_is_named(world: World, text: str, said: str) -> None:
    world.worker().put(pool())
    world.spoil("spoilt", text)
    with pytest.raises(Refused, match=said):
        world.worker().load()
    world.worker().remove("spoilt")
    assert list(world.worker().load()) == [pool()]


def test_fields_of_a_newer_version_are_not_minded(world: World) -> None:
    world.worker().put(pool())
    newer = {**json.loads(pool("newer").model_dump_json()), "telepathy": True}
    world.spoil("newer", json.dumps(newer))
    assert list(world.worker().load()) == [pool(), pool("newer")]


def test_fleets_keep_apart(world: World) -> None:
    world.worker().put(pool())
    assert list(world.worker("other").load()) == []


class Crowded(Cluster):
    """Where somebody else is always quicker."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def read(self, kind: Any, name: str) -> Json:
        return self._cluster.read(kind, name)

    def create(self, body: Json) -> Json:
        raise Conflict("somebody was quicker")


def test_who_is_never_quick_enough_comes_again_later(cluster: Cluster) -> None:
    with pytest.raises(Unavailable, match="others were quicker"):
        K8sPoolStore(Crowded(cluster), fleet=FLEET).put(pool())


def test_a_table_that_is_not_there_is_said_so(dynamodb: Any) -> None:
    store = DynamoPoolStore(dynamodb, "nowhere", fleet=FLEET)
    with pytest.raises(Refused, match="ResourceNotFound"):
        store.load()
    with pytest.raises(Refused, match="ResourceNotFound"):
        store.put(pool())


class Pages:
    """A DynamoDB that gives a page of one item at a time."""

    def __init__(self, *pools: PoolDefinition) -> None:
        self._texts = {each.name: each.model_dump_json() for each in pools}

    def query(self, **request: Any) -> Any:
        after = request.get("ExclusiveStartKey", "")
        name = min(each for each in self._texts if each > after)
        page = {"Items": [{"pool": {"S": name}, "pool_definition": {"S": self._texts[name]}}]}
        return page if name == max(self._texts) else {**page, "LastEvaluatedKey": name}

    def put_item(self, **request: Any) -> Any:
        raise NotImplementedError

    def delete_item(self, **request: Any) -> Any:
        raise NotImplementedError


def test_more_than_a_page_is_read_to_the_end() -> None:
    wanted = [pool(name) for name in ("a", "b", "c")]
    assert DynamoPoolStore(Pages(*wanted), "t", fleet=FLEET).load() == wanted
