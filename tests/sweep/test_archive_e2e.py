"""Outcomes are kept in a real cluster by a real worker's sweep."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from runs_fleet.outcomes import JobOutcome
from runs_fleet.providers.k8s.archive import DAY
from simulator.aws.models import Levers
from simulator.world import Plan, World
from tests.e2e.fleet import Fleet
from tests.kube.cluster import BUILD_WITHIN, built_or_skipped

PATIENCE = 90.0
HASTE = {
    "RUNS_FLEET_SWEEP_INTERVAL": "1s",
    "RUNS_FLEET_FINISH_GRACE": "2s",
    "RUNS_FLEET_BUSY_LOOK": "1s",
}

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_WITHIN)]


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    built_or_skipped(request)
    plan = Plan(modes=("k8s",), levers=Levers(boot_seconds=0.2, boot_spread=0.1), env=HASTE)
    with World(plan, home=tmp_path_factory.mktemp("archive")) as running:
        yield running


def archived(world: World) -> dict[str, JobOutcome]:
    """Read all that the archive holds, as an operator would."""
    kube = world.kube
    path = f"/api/v1/namespaces/{kube.namespace}/configmaps?labelSelector={DAY}"
    held = [each.get("data") or {} for each in kube.cluster.api.get(path)["items"]]
    found = {job: text for data in held for job, text in data.items()}
    return {job: JobOutcome.model_validate(json.loads(text)) for job, text in found.items()}


async def test_how_a_job_went_is_in_the_cluster_and_nothing_else_is_left(world: World) -> None:
    fleet = await Fleet.of(world)
    job = fleet.send()
    await fleet.until(lambda: fleet.job(job).status == "completed", what="it", patience=PATIENCE)
    outcome = await asyncio.wait_for(fleet.handle(job).result(), PATIENCE)
    await fleet.until(lambda: str(job) in archived(world), what="its outcome", patience=PATIENCE)
    assert archived(world)[str(job)] == outcome
    await fleet.settled()
    assert fleet.left() == 0
