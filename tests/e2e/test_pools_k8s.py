"""Pools of Kubernetes mode from `pools.yaml` to the last volume gone, on a real control plane."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle

from runs_fleet import names
from runs_fleet.pools.status import PoolStatus
from simulator.world import World
from tests.e2e.fleet import Fleet
from tests.e2e.pooled import left_empty, pooled
from tests.kube.cluster import BUILD_WITHIN, built_or_skipped
from tests.lifecycles import eventually
from workflows.pool_manager import PoolManager

POOLS = """\
pools:
  - name: room
    mode: k8s
    spec: {cpu: 2}
    targets: {hot: 2}
    max: 6
  - name: caches
    mode: k8s
    spec: {cpu: 2}
    max: 6
    cache: {size: 1, volumes: 2, path: /home/runner/cache}
"""
RUN = "runs-fleet=${{ github.run_id }}"
ROOM, CACHES = f"{RUN}/cpu=2/pool=room", f"{RUN}/cpu=2/pool=caches"
VOLUMES = ("runs-fleet-cache-caches-0", "runs-fleet-cache-caches-1")
MOUNT = "pool-cache"
PLACEHOLDER = "runs-fleet.io/placeholder"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
PATIENCE = 120.0

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_WITHIN)]
Manager = WorkflowHandle[PoolManager, None]


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A cluster with a pool that keeps room, and one that lends volumes."""
    built_or_skipped(request)
    home = tmp_path_factory.mktemp("pools-k8s")
    with pooled(POOLS, home=home, modes=("k8s",)) as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def fleet(world: World) -> AsyncIterator[Fleet]:
    """The fleet; at its end the pools are cancelled, and must leave nothing behind."""
    async with left_empty(world) as fleet:
        yield fleet
    assert deployments(fleet) == []


def pool(fleet: Fleet, name: str) -> Manager:
    return fleet.temporal.get_workflow_handle_for(PoolManager.run, names.pool("k8s", name))


async def status(fleet: Fleet, name: str) -> PoolStatus:
    found: PoolStatus = await pool(fleet, name).query(PoolManager.status)
    return found


def deployments(fleet: Fleet) -> list[str]:
    """Name the Deployments that there are."""
    kube = fleet.world.kube
    found = kube.cluster.api.get(DEPLOYMENTS.format(kube.namespace))["items"]
    return [each["metadata"]["name"] for each in found]


async def placed(fleet: Fleet, count: int) -> None:
    """Wait until so many placeholders run."""

    def running() -> bool:
        pods = fleet.world.kube.objects("pods")
        kept = [each for each in pods if PLACEHOLDER in each["metadata"]["labels"]]
        return [each["status"]["phase"] for each in kept] == ["Running"] * count

    await fleet.until(running, what="every placeholder", patience=PATIENCE)


async def lends(fleet: Fleet) -> None:
    """Wait until all volumes may be leased, and nobody has any."""

    async def free() -> bool:
        told = await status(fleet, "caches")
        return bool(told.placeholders and told.placeholders.volumes == VOLUMES and not told.leases)

    await fleet.until(lambda: fleet.world.kube.objects("volume_claims"), what="a first volume")
    await eventually(free)


def cache(fleet: Fleet, job_id: int) -> Path:
    """Find the cache as the job's latest pod has it mounted; it may have none."""
    assert fleet.world.nodes is not None
    prefix = f"runs-fleet-{job_id}-"
    pods = [each for each in fleet.world.nodes.pods() if each.runner.startswith(prefix)]
    return pods[-1].home / "volumes" / MOUNT


def volume(fleet: Fleet, job_id: int) -> str:
    """Name the volume that a job's pod has as its cache, or nothing."""
    mount = cache(fleet, job_id)
    return mount.resolve().name if mount.is_symlink() else ""


async def test_jobs_of_a_pool_run_beside_its_placeholders(fleet: Fleet) -> None:
    await placed(fleet, 2)
    assert "runs-fleet-pool-room" in deployments(fleet)
    jobs = [fleet.send(label=ROOM, seconds=1.0) for _ in range(3)]
    outcomes = [await fleet.ended(job_id, patience=PATIENCE) for job_id in jobs]
    assert [each.conclusion for each in outcomes] == ["success"] * 3
    assert [volume(fleet, job_id) for job_id in jobs] == [""] * 3
    await placed(fleet, 2)
    assert (await status(fleet, "room")).claims.keys() == {"none"}


async def test_a_job_finds_what_the_one_before_it_left_in_the_cache(fleet: Fleet) -> None:
    await lends(fleet)
    first = fleet.send(label=CACHES)
    assert (await fleet.ended(first, patience=PATIENCE)).conclusion == "success"
    assert volume(fleet, first) in VOLUMES
    (cache(fleet, first) / "kept").write_text("kept")
    await lends(fleet)
    second = fleet.send(label=CACHES)
    assert (await fleet.ended(second, patience=PATIENCE)).conclusion == "success"
    assert volume(fleet, second) == volume(fleet, first)
    assert (cache(fleet, second) / "kept").read_text() == "kept"


async def test_a_volume_is_one_job_s_and_whoever_gets_none_runs_without(fleet: Fleet) -> None:
    await lends(fleet)
    jobs = [fleet.send(label=CACHES, seconds=600) for _ in range(4)]

    def all_run() -> bool:
        return all(fleet.job(job_id).status == "in_progress" for job_id in jobs)

    await fleet.until(all_run, what="four jobs at once", patience=PATIENCE)
    assert sorted(volume(fleet, job_id) for job_id in jobs) == ["", "", *VOLUMES]
    leases = (await status(fleet, "caches")).leases
    assert leases == {volume(fleet, job_id): job_id for job_id in leases.values()}
    for job_id in jobs:
        fleet.github.cancel_job(job_id)
    outcomes = [await fleet.ended(job_id, patience=PATIENCE) for job_id in jobs]
    assert {each.conclusion for each in outcomes} == {"cancelled"}
    await lends(fleet)
