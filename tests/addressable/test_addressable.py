"""Against servers that are not the simulator's: bare moto, a small GHES, a plain Temporal."""

import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.addressable.cloud import ALIVE
from tests.addressable.enterprise import JIT_CONFIG, TOKEN
from tests.addressable.fleet import JOB_ID, LABEL, REPORT_SECRET, WEBHOOK_SECRET, Fleet
from tests.addressable.programs import Program
from tests.agent import scripts

RUNNER = f"runs-fleet-{JOB_ID}-1"
SECRETS = (JIT_CONFIG, TOKEN, REPORT_SECRET, WEBHOOK_SECRET)
ENV = "env > env.txt\n"
# A worker may have to wait for the end of a long poll.
SECONDS_TO_STOP = 15


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path)
    yield made
    made.close()


def test_programs_started_before_anything_else_wait_serve_a_job_and_stop(
    fleet: Fleet, tmp_path: Path
) -> None:
    api, worker = started_before_anything_else(fleet)
    assert fleet.deliver("queued").json()["result"] == "started"
    worker.until(lambda: fleet.cloud.machines(RUNNER, *ALIVE), what="machine")
    assert fleet.cloud.parameters() == []
    fleet.github.start()
    worker.until(fleet.cloud.parameters, what="config")
    assert fleet.github.runners[1]["name"] == RUNNER
    assert fleet.github.runners[1]["labels"] == [LABEL]

    scripts.install(tmp_path, ENV + scripts.job("Succeeded"))
    [machine] = fleet.cloud.machines(RUNNER, *ALIVE)
    agent = fleet.agent(machine["InstanceId"], runner_dir=tmp_path)
    agent.until_said("config read")
    assert fleet.deliver("in_progress", runner_name=RUNNER).json()["result"] == "signalled"
    assert agent.ended() == 0
    assert JIT_CONFIG in (tmp_path / "env.txt").read_text()
    assert fleet.cloud.parameters() == []

    del fleet.github.runners[1]
    fleet.deliver("completed", runner_name=RUNNER, conclusion="success")
    worker.until(lambda: said_of_a_repeat(fleet) == "over", what="end of the lifecycle")
    assert fleet.cloud.machines(RUNNER, *ALIVE) == []
    assert len(fleet.cloud.machines(RUNNER, "terminated", "shutting-down")) == 1

    assert stops_well(api), api.said()
    assert stops_well(worker), worker.said()
    said = api.said() + worker.said() + agent.said()
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize("program", [Fleet.api, Fleet.worker])
def test_a_program_that_still_waits_for_temporal_stops_at_once(
    fleet: Fleet, program: Callable[[Fleet], Program]
) -> None:
    waiting = program(fleet)
    waiting.until_said("waiting for temporal")
    assert fleet.temporal.address in waiting.said()
    assert stops_well(waiting), waiting.said()


def test_an_agent_that_is_told_to_stop_ends_its_machine_as_soon_as_aws_is_there(
    fleet: Fleet, tmp_path: Path
) -> None:
    agent = fleet.agent(fleet.cloud.spare, runner_dir=tmp_path)
    agent.until_said("config cannot be read yet")
    agent.process.send_signal(signal.SIGTERM)
    agent.until_said("machine cannot be ended yet")
    fleet.cloud.start()
    assert agent.ended() == 0


@pytest.mark.parametrize(
    ("command", "told", "mistakes"),
    [
        (
            ("runs-fleet", "api"),
            {"RUNS_FLEET_PORT": "http", "RUNS_FLEET_SILENCE": "soon"},
            ["RUNS_FLEET_PORT", "RUNS_FLEET_SILENCE", "RUNS_FLEET_WEBHOOK_SECRETS: missing"],
        ),
        (
            ("runs-fleet", "worker"),
            {"RUNS_FLEET_GITHUB_API_URL": "https://github.com", "RUNS_FLEET_EC2_SUBNET": "a"},
            [
                "RUNS_FLEET_GITHUB_API_URL",
                "did you mean RUNS_FLEET_EC2_SUBNETS?",
                "RUNS_FLEET_REPORT_SECRET: missing",
                "RUNS_FLEET_EC2_REPORTS_QUEUE_URL: missing",
            ],
        ),
        (
            ("runs-fleet-agent",),
            {"RUNS_FLEET_RUNNER_DIR": "here", "RUNS_FLEET_AGENT_STOP_GRACE": "soon"},
            ["RUNS_FLEET_RUNNER_DIR", "RUNS_FLEET_AGENT_STOP_GRACE"],
        ),
    ],
)
def test_wrong_settings_end_a_program_with_all_mistakes_listed(
    tmp_path: Path, command: Sequence[str], told: dict[str, str], mistakes: list[str]
) -> None:
    ended = Program(*command, env=told, log=tmp_path / "log")
    assert ended.ended() == 2
    assert [mistake for mistake in mistakes if mistake not in ended.said()] == []
    assert "Traceback" not in ended.said()


def started_before_anything_else(fleet: Fleet) -> tuple[Program, Program]:
    """Start API and worker alone, watch them wait, then give them Temporal and AWS."""
    api, worker = fleet.api(), fleet.worker()
    api.until(lambda: fleet.status("/health") == 200, what="health")
    api.until_said("waiting for temporal")
    worker.until_said("waiting for temporal")
    assert fleet.status("/ready") == 503
    assert fleet.deliver("queued").status_code == 503

    fleet.temporal.start()
    api.until(lambda: fleet.status("/ready") == 200, what="readiness")
    worker.until_said("waiting for aws")
    fleet.cloud.start()
    worker.until_said("serving")
    return api, worker


def said_of_a_repeat(fleet: Fleet) -> str:
    """Deliver the job's `queued` again, and tell what became of it."""
    return str(fleet.deliver("queued").json()["result"])


def stops_well(program: Program) -> bool:
    """Ask a program to stop, and tell whether it did so well and soon."""
    status, seconds = program.stopped()
    return status == 0 and seconds < SECONDS_TO_STOP
