"""Cache volumes in a real cluster: made, leased, replaced and removed."""

from dataclasses import replace
from typing import Any

import pytest

from runs_fleet.errors import Refused
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.providers.k8s.caches import Caches, Volumes, claim
from runs_fleet.providers.k8s.cluster import JOBS, VOLUME_CLAIMS, Cluster
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Json
from runs_fleet.providers.k8s.site import Site, Storage
from tests.k8s.orders import order as runner_order
from tests.simulator.waiting import until

PATIENCE = 100.0
POOL = "warm"
FIRST, SECOND, THIRD = (f"runs-fleet-cache-{POOL}-{number}" for number in range(3))
PATH = "/home/runner/cache"


@pytest.fixture
def volumes(cluster: Cluster, site: Site) -> Caches:
    return Caches(cluster, site)


def order(volumes: int = 2, *, pool: str = POOL, size: int = 10, **more: Any) -> PlaceholderOrder:
    cache = Cache(size=size, volumes=volumes, path=more.pop("path", PATH)) if volumes else None
    fields = {"pool": pool, "spec": RunnerSpec(), "replicas": 0, "cache": cache, **more}
    return PlaceholderOrder.model_validate(fields)


def settled(volumes: Caches, wanted: PlaceholderOrder) -> tuple[str, ...]:
    """Order it until nothing is about to go; returns what may be leased."""
    found: list[Volumes] = []

    def kept() -> bool:
        found[:] = [volumes.keep(wanted)]
        return not found[0].leaving

    until(kept, within=PATIENCE)
    return found[0].usable


def claimed(cluster: Cluster, name: str = FIRST) -> Json:
    return cluster.read(VOLUME_CLAIMS, name)


def test_a_pool_gets_the_volumes_that_it_wants(volumes: Caches, cluster: Cluster) -> None:
    assert volumes.keep(order(2)) == Volumes((FIRST, SECOND))
    found = claimed(cluster)
    assert found["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert found["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert "ownerReferences" not in found["metadata"]


def test_ordering_the_same_again_changes_nothing(volumes: Caches, cluster: Cluster) -> None:
    volumes.keep(order(2))
    before = claimed(cluster)["metadata"]["uid"]
    assert volumes.keep(order(2)) == Volumes((FIRST, SECOND))
    assert claimed(cluster)["metadata"]["uid"] == before


def test_volumes_beyond_the_order_go_when_nobody_has_them(volumes: Caches) -> None:
    volumes.keep(order(3))
    leased = volumes.keep(order(1, leased=(THIRD,)))
    assert (leased.usable, THIRD in leased.leaving) == ((FIRST,), True)
    until(lambda: volumes.keep(order(1, leased=(THIRD,))).leaving == (THIRD,), within=PATIENCE)
    assert settled(volumes, order(1)) == (FIRST,)


def test_a_pool_that_goes_takes_all_but_leased_volumes_with_it(volumes: Caches) -> None:
    volumes.keep(order(2))
    going = order(2, leased=(FIRST,), remove=True)
    until(lambda: volumes.keep(going) == Volumes(leaving=(FIRST,)), within=PATIENCE)
    assert settled(volumes, order(2, remove=True)) == ()


def test_a_pool_without_a_cache_has_no_volumes(volumes: Caches) -> None:
    volumes.keep(order(2))
    assert settled(volumes, order(0)) == ()


@pytest.mark.parametrize("changed", [{"size": 20}, {"path": "/other"}], ids=["size", "path"])
def test_a_volume_that_should_be_otherwise_comes_anew(
    volumes: Caches, cluster: Cluster, changed: dict[str, Any]
) -> None:
    volumes.keep(order(1))
    before = claimed(cluster)["metadata"]["uid"]
    kept = volumes.keep(order(1, leased=(FIRST,), **changed))
    assert kept == Volumes(leaving=(FIRST,))
    assert claimed(cluster)["metadata"]["uid"] == before
    assert settled(volumes, order(1, **changed)) == (FIRST,)
    assert claimed(cluster)["metadata"]["uid"] != before


def test_large_volumes_are_recognized_again(volumes: Caches) -> None:
    volumes.keep(order(1, size=1024))
    assert volumes.keep(order(1, size=1024)) == Volumes((FIRST,))


def test_the_class_is_the_pool_s_else_the_fleet_s(site: Site) -> None:
    fleet = replace(site, storage=Storage(storage_class="fleet"))
    own = Cache(size=1, volumes=1, storage_class="own")
    assert claim(POOL, 0, own, site=fleet)["spec"]["storageClassName"] == "own"
    assert claim(POOL, 0, own.model_copy(update={"storage_class": None}), site=fleet)["spec"][
        "storageClassName"
    ] == "fleet"  # fmt: skip


def test_pools_keep_apart(volumes: Caches) -> None:
    volumes.keep(order(1))
    assert volumes.keep(order(0, pool="other")) == Volumes()
    assert volumes.keep(order(1)) == Volumes((FIRST,))


def test_another_fleet_s_volume_is_never_taken(
    cluster: Cluster, site: Site, volumes: Caches
) -> None:
    Caches(cluster, replace(site, fleet="other")).keep(order(1))
    with pytest.raises(Refused, match=f"{FIRST} is there, and not of fleet default"):
        volumes.keep(order(1))


@pytest.mark.parametrize("path", ["cache", "/etc/runs-fleet/cache"])
def test_a_path_that_cannot_be_is_refused(volumes: Caches, path: str) -> None:
    with pytest.raises(Refused, match="name an absolute path outside of /etc/runs-fleet"):
        volumes.keep(order(1, path=path))


def mounts(cluster: Cluster, provider: K8sProvider, *, cache: str, pool: str | None = POOL) -> str:
    """Where the runner's pod mounts the cache, if it does."""
    wanted = runner_order(pool=pool).model_copy(update={"cache": cache})
    provider.create(wanted)
    (container,) = cluster.read(JOBS, wanted.runner)["spec"]["template"]["spec"]["containers"]
    return "".join(
        each["mountPath"] for each in container["volumeMounts"] if each["name"] == "pool-cache"
    )


def test_a_runner_finds_its_cache_where_the_pool_says(
    cluster: Cluster, provider: K8sProvider, volumes: Caches
) -> None:
    volumes.keep(order(1, path="/cache"))
    assert mounts(cluster, provider, cache=FIRST) == "/cache"


@pytest.mark.parametrize(("cache", "pool"), [(SECOND, POOL), (FIRST, "other"), (FIRST, None)])
def test_a_runner_does_without_a_cache_that_is_not_there_for_it(
    cluster: Cluster, provider: K8sProvider, volumes: Caches, cache: str, pool: str | None
) -> None:
    volumes.keep(order(1))
    assert mounts(cluster, provider, cache=cache, pool=pool) == ""


def test_a_cache_outlives_its_runner(
    cluster: Cluster, provider: K8sProvider, volumes: Caches
) -> None:
    volumes.keep(order(1))
    before = claimed(cluster)["metadata"]["uid"]
    wanted = runner_order(pool=POOL).model_copy(update={"cache": FIRST})
    provider.create(wanted)
    provider.terminate(wanted.runner)
    until(lambda: not provider.find(wanted.runner), within=PATIENCE)
    assert volumes.keep(order(1)) == Volumes((FIRST,))
    assert claimed(cluster)["metadata"]["uid"] == before
