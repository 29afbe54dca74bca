"""Two builds of the worker at once: what is begun stays with its build, what is new does not."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from runs_fleet.census import SweepRequest
from runs_fleet.settings import BadSettings
from tests.deploy.builds import Site, build_of
from tests.lifecycles import eventually
from worker import serving
from workflows.sweep import Sweep


async def test_a_job_ends_on_the_build_that_began_it_and_new_jobs_begin_on_the_next(
    site: Site,
) -> None:
    async with site.serving("1"):
        await site.make_current("1")
        old = await site.start()
        assert await site.registrar(old) == "1"
        async with site.serving("2"):
            await site.make_current("2")
            new = await site.start()
            assert await site.registrar(new) == "2"
            await asyncio.gather(old.runs_to_its_end(), new.runs_to_its_end())
            ends = await asyncio.gather(old.outcome(), new.outcome())
            assert [end.state for end in ends] == ["completed", "completed"]
            assert [await build_of(job.handle) for job in (old, new)] == ["1", "2"]


async def test_a_job_of_an_old_build_still_gets_its_next_runner_there(site: Site) -> None:
    async with site.serving("1"):
        await site.make_current("1")
        job = await site.start()
        machine_id = await job.boots()
        async with site.serving("2"):
            await site.make_current("2")
            await job.says_cloud(machine_id, "Server.SpotInstanceTermination")
            await job.runs_to_its_end(2)
            assert (await job.outcome()).state == "completed"
            assert await build_of(job.handle) == "1"


async def test_a_job_whose_build_is_gone_can_be_moved_to_the_current_one(site: Site) -> None:
    async with site.serving("1"):
        await site.make_current("1")
        job = await site.start()
        await job.boots()
    async with site.serving("2"):
        await site.make_current("2")
        await site.move(job)
        await job.says_github("in_progress", on=job.runner())
        await job.says_github("completed", on=job.runner(), conclusion="success")
        assert (await job.outcome()).state == "completed"
        assert await build_of(job.handle) == "2"


async def test_a_sweep_goes_on_with_the_current_build(site: Site) -> None:
    site.cloud.may.clear()
    async with site.serving("1"):
        await site.make_current("1")
        sweep = await site.temporal.start_workflow(
            Sweep.run,
            SweepRequest(min_age=timedelta(milliseconds=1)),
            id=f"sweep-{site.queue}",
            task_queue=site.queue,
        )
        await eventually(site.cloud.asked.is_set)
        async with site.serving("2"):
            await site.make_current("2")
            site.cloud.may.set()
            report = await asyncio.wait_for(sweep.result(), 15)
            assert [part.error for part in report.parts if part.error] == []
            assert await build_of(sweep) == "2"


async def test_jobs_begun_without_versioning_move_to_the_first_current_build(site: Site) -> None:
    async with site.serving():
        job = await site.start()
        assert await site.registrar(job) == "unversioned"
    async with site.serving("1"):
        await site.make_current("1")
        await job.runs_to_its_end()
        assert (await job.outcome()).state == "completed"
        assert await build_of(job.handle) == "1"


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"TEMPORAL_DEPLOYMENT_NAME": "fleet"}, "TEMPORAL_WORKER_BUILD_ID: missing"),
        ({"TEMPORAL_DEPLOYMENT_NAME": "a.b", "TEMPORAL_WORKER_BUILD_ID": "1"}, "no dot"),
        ({"TEMPORAL_DEPLOYMENT_NAME": "a:b", "TEMPORAL_WORKER_BUILD_ID": "1"}, "no colon"),
    ],
)
def test_a_version_that_the_server_would_not_serve_is_refused(
    environ: dict[str, str], said: str
) -> None:
    with pytest.raises(BadSettings, match=said):
        serving.deployment(environ)


@pytest.mark.parametrize(
    ("environ", "version"),
    [
        ({}, None),
        ({"TEMPORAL_WORKER_BUILD_ID": " "}, None),
        ({"TEMPORAL_WORKER_BUILD_ID": "v1.2"}, "runs-fleet.v1.2"),
        ({"TEMPORAL_WORKER_BUILD_ID": "9", "TEMPORAL_DEPLOYMENT_NAME": "fleet"}, "fleet.9"),
    ],
)
def test_a_worker_is_versioned_only_when_it_is_told_its_build(
    environ: dict[str, str], version: Any
) -> None:
    made = serving.deployment(environ)
    assert (made and made.version.to_canonical_string()) == version
