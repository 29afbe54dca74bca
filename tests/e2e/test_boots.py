"""Machines that never say a word."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from simulator.ports import free_port
from simulator.processes import end
from tests.e2e.fleet import Fleet
from tests.e2e.processes import wait_until_ready

pytestmark = pytest.mark.e2e


@pytest.fixture
def impatient(fleet: Fleet) -> Iterator[Fleet]:
    """The fleet with a second API, whose jobs wait four seconds for a machine to boot."""
    port = free_port()
    told = {"RUNS_FLEET_PORT": str(port), "RUNS_FLEET_BOOT_TIMEOUT": "4s"}
    place = {**fleet.world.env(), **fleet.aws.env(app="impatient")}
    with (fleet.world.home / "impatient.log").open("ab") as log:
        api = subprocess.Popen(
            [sys.executable, "-m", "runs_fleet", "api"],
            env={"PATH": os.environ["PATH"], **place, **told},
            stdout=log,
            stderr=log,
        )
    wait_until_ready(port, api)
    fleet.github.deliver_to(f"http://127.0.0.1:{port}/webhook")
    yield fleet
    fleet.github.deliver_to(fleet.world.webhook_url)
    end(api)


async def test_a_machine_whose_agent_never_speaks_is_replaced(impatient: Fleet) -> None:
    impatient.aws.pull(never_register=1)
    job_id = impatient.send()
    outcome = await impatient.outcome(job_id)
    assert [attempt.cause for attempt in outcome.attempts] == ["boot_timeout", "job_done"]
    silent, spoke = impatient.machines(job_id)
    assert (silent.agent_pid, silent.state) == (None, "terminated")
    assert spoke.agent_pid is not None
    removed = {runner.name: runner.removed_how for runner in impatient.registrations(job_id)}
    assert removed == {f"runs-fleet-{job_id}-1": "api", f"runs-fleet-{job_id}-2": "ran_job"}
