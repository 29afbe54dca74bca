"""Kubernetes mode from GitHub's webhook to the last object gone, on a real control plane."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from simulator.aws.models import Levers
from simulator.kube.records import PodRecord
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet
from tests.kube.cluster import BUILD_WITHIN, built_or_skipped
from tests.lifecycles import eventually

RUN = "runs-fleet=${{ github.run_id }}"
ON_K8S, ON_EC2 = f"{RUN}/cpu=2", f"{RUN}/cpu=2/backend=ec2"
BURST = 12
PATIENCE = 90.0

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_WITHIN)]


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Both modes at once: one API, and a worker of each."""
    built_or_skipped(request)
    plan = Plan(
        modes=("k8s", "ec2"),
        troubled=True,
        levers=Levers(boot_seconds=0.2, boot_spread=0.1),
        env={"RUNS_FLEET_FINISH_GRACE": "20s", "RUNS_FLEET_BUSY_LOOK": "1s"},
    )
    with World(plan, home=tmp_path_factory.mktemp("k8s")) as running:
        yield running


@pytest_asyncio.fixture
async def fleet(world: World) -> AsyncIterator[Fleet]:
    """A calm fleet; a test must leave no object behind and double nothing."""
    fleet = await Fleet.of(world)
    yield fleet
    assert world.nodes is not None
    world.nodes.calm()
    await fleet.settled()
    books = fleet.github.books(deliveries=False)
    assert books.run_twice == ()
    assert books.violations == ()


async def concluded(fleet: Fleet, jobs: list[int]) -> None:
    await fleet.until(
        lambda: all(fleet.job(each).status == "completed" for each in jobs),
        what="the end of all jobs",
        patience=PATIENCE,
    )


def pods(fleet: Fleet, job_id: int) -> list[PodRecord]:
    """List the pods that were ever made for a job."""
    assert fleet.world.nodes is not None
    prefix = f"runs-fleet-{job_id}-"
    return [pod for pod in fleet.world.nodes.pods() if pod.runner.startswith(prefix)]


async def test_a_job_gets_a_pod_of_its_own_which_goes_with_all_its_objects(fleet: Fleet) -> None:
    job_id = fleet.send(label=f"{ON_K8S}/private=true")
    outcome = await fleet.ended(job_id)
    assert (outcome.state, outcome.conclusion) == ("completed", "success")
    # A runner that ends by itself is not cut short, however busy the machine is.
    await fleet.until(lambda: [pod.exit_code for pod in pods(fleet, job_id)] == [0], what="its end")
    assert outcome.runner == f"runs-fleet-{job_id}-1"


async def test_a_label_chooses_the_mode_where_both_are_served(fleet: Fleet) -> None:
    here, there = fleet.send(label=ON_K8S), fleet.send(label=ON_EC2)
    await fleet.ended(here)
    await fleet.ended(there)
    assert (len(pods(fleet, here)), len(fleet.machines(here))) == (1, 0)
    assert (len(pods(fleet, there)), len(fleet.machines(there))) == (0, 1)


async def test_a_job_whose_pod_is_evicted_runs_again(fleet: Fleet) -> None:
    job_id = fleet.send(label=ON_K8S, seconds=60)
    await fleet.until(lambda: fleet.job(job_id).status == "in_progress", what="a running job")
    assert fleet.world.kube.take_back(f"runs-fleet-{job_id}-1")
    outcome = await fleet.ended(job_id)
    assert outcome.rerun_requested
    again = await fleet.until(lambda: fleet.rerun(job_id), what="a re-run")
    fleet.github.cancel_job(again)
    await fleet.ended(again)


async def test_a_job_cancelled_while_its_pod_waits_for_a_node_leaves_nothing(fleet: Fleet) -> None:
    assert fleet.world.nodes is not None
    fleet.world.nodes.fill()
    job_id = fleet.send(label=ON_K8S)
    await fleet.until(lambda: fleet.registrations(job_id), what="a registration")
    page = fleet.handle(job_id)

    async def waits() -> bool:
        return "Unschedulable" in str(await page.query("__temporal_workflow_metadata"))

    await eventually(waits, what="a page that says what it waits for", look=0.2)
    fleet.github.cancel_job(job_id)
    assert (await fleet.ended(job_id)).state == "cancelled"


async def test_a_burst_outlives_the_api_server_and_valkey(fleet: Fleet) -> None:
    world = fleet.world
    assert world.kube.plane is not None
    jobs = [fleet.send(label=ON_K8S, seconds=2) for _ in range(BURST)]
    await fleet.until(lambda: any(pods(fleet, job) for job in jobs), what="a first pod")
    await asyncio.to_thread(world.kube.plane.restart_apiserver)
    await asyncio.to_thread(world.kube.valkey.restart)
    await concluded(fleet, jobs)
    assert {fleet.job(job).conclusion for job in jobs} == {"success"}
