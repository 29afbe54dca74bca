"""Whether a pod has a cache volume, for a pool's manager that does not know to whom it was lent."""

import pytest

from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.providers.k8s.caches import Caches
from runs_fleet.providers.k8s.cluster import Cluster
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.site import Site
from tests.k8s.orders import order as runner_order
from tests.simulator.waiting import until

PATIENCE = 100.0
POOL = "warm"
FIRST, SECOND = BOTH = tuple(f"runs-fleet-cache-{POOL}-{number}" for number in range(2))


@pytest.fixture
def volumes(cluster: Cluster, site: Site) -> Caches:
    return Caches(cluster, site)


def order(doubted: tuple[str, ...] = ()) -> PlaceholderOrder:
    cache = Cache(size=1, volumes=2)
    return PlaceholderOrder(pool=POOL, spec=RunnerSpec(), replicas=0, cache=cache, doubted=doubted)


def test_volumes_are_told_as_made_only_once(volumes: Caches) -> None:
    assert volumes.keep(order()).made == BOTH
    assert volumes.keep(order()).made == ()


def test_a_volume_counts_as_mounted_until_its_runners_pod_is_gone(
    volumes: Caches, provider: K8sProvider
) -> None:
    volumes.keep(order())
    wanted = runner_order(pool=POOL).model_copy(update={"cache": FIRST})
    provider.create(wanted)
    until(lambda: volumes.keep(order(BOTH)).mounted == (FIRST,), within=PATIENCE)
    assert volumes.keep(order()).mounted == ()
    provider.terminate(wanted.runner)
    until(lambda: volumes.keep(order(BOTH)).mounted == (), within=PATIENCE)
