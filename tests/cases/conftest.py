"""One Temporal server, one API and one worker for all cases; each case has jobs of its own."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import pytest_asyncio

from activities.jobs import JobActivities
from activities.notices import NoticeActivities
from activities.runners import RunnerActivities, runner_activities
from runs_fleet import names
from simulator.ports import free_port
from simulator.processes import die_with_parent, end
from simulator.temporal import TemporalServer
from tests.cases.fleet import REPORT_SECRET, WEBHOOK_SECRET, Fleet, RecordingGitHub
from tests.connecting import connected
from tests.e2e.processes import wait_until_ready
from tests.fakes import MemoryConfigs, MemoryProvider
from worker import serving

HASTE = {
    "RUNS_FLEET_FINISH_GRACE": "0.2s",
    "RUNS_FLEET_RETRY_LEAST": "0.05s",
    "RUNS_FLEET_BUSY_LOOK": "0.1s",
}


@pytest.fixture(scope="session")
def server() -> Iterator[TemporalServer]:
    """A server of its own: the task queue of the fleet's workers is always named the same."""
    with TemporalServer() as running:
        yield running


@pytest.fixture(scope="session")
def address(server: TemporalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the API listens, a process as in production."""
    port = free_port()
    place = {"RUNS_FLEET_HOST": "127.0.0.1", "RUNS_FLEET_PORT": str(port)}
    told = {"RUNS_FLEET_WEBHOOK_SECRETS": WEBHOOK_SECRET, "TEMPORAL_ADDRESS": server.address}
    with (tmp_path_factory.mktemp("cases") / "api.log").open("wb") as log:
        api = subprocess.Popen(
            [sys.executable, "-m", "runs_fleet", "api"],
            env={"PATH": os.environ["PATH"], **place, **told, **HASTE},
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )
    try:
        wait_until_ready(port, api)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(api)


@pytest_asyncio.fixture(scope="session")
async def served(server: TemporalServer, address: str) -> AsyncIterator[Fleet]:
    """The fleet, with a worker that knows the world in memory."""
    client = await connected(server.address)
    provider, configs, github = MemoryProvider(), MemoryConfigs(), RecordingGitHub()
    runners = RunnerActivities(
        provider, configs, github, report_secret=REPORT_SECRET, reports_address="https://queue"
    )
    jobs = JobActivities(github)
    activities: list[Callable[..., Any]] = [
        *runner_activities(runners),
        jobs.look_up_job,
        jobs.rerun_job,
        NoticeActivities(github.notices).tell,
    ]
    with ThreadPoolExecutor(32) as threads:
        async with (
            serving.worker(
                client, names.task_queue("ec2"), activities=activities, executor=threads
            ),
            httpx.AsyncClient(base_url=address, timeout=30, trust_env=False) as http,
        ):
            yield Fleet(client, http, provider, configs, github)


@pytest.fixture
def fleet(served: Fleet) -> Iterator[Fleet]:
    """A calm fleet; at the end of a case nothing of its jobs is left."""
    served.jobs.clear()
    yield served
    served.calm()
    assert [job.left for job in served.jobs if job.left] == []
