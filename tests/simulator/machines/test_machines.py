"""Machines as process trees: what the agent sees, and that nothing survives."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.aws.client import AwsWorld
from simulator.aws.models import AgentPlan, AwsConfig
from tests.simulator.machines.conftest import AGENT, QUICK, Launch, launcher
from tests.simulator.waiting import until


def pids(world: AwsWorld, machine: str) -> list[int]:
    """The agent, its job and the orphan of its job."""
    log = world.agent_log(machine)
    said = [int(pid) for pid in re.findall(r"^(?:job|orphan) (\d+)$", log, re.MULTILINE)]
    agent = world.machine(machine).agent_pid
    assert agent is not None
    return [agent, *said]


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def all_gone(found: list[int]) -> bool:
    return not any(map(running, found))


def environment(world: AwsWorld, machine: str) -> dict[str, str]:
    line = world.agent_log(machine).splitlines()[0]
    found: dict[str, str] = json.loads(line.removeprefix("environment "))
    return found


def test_an_agent_starts_in_a_clean_environment(world: AwsWorld, machine: str) -> None:
    home = str(world.home / "machines" / machine)
    seen = environment(world, machine)
    assert seen["AWS_EC2_METADATA_SERVICE_ENDPOINT"] == f"{world.url}/_imds/{machine}"
    assert seen["AWS_ENDPOINT_URL"] == world.url
    assert seen["RUNS_FLEET_RUNNER_DIR"] == f"{home}/actions-runner"
    assert seen["HOME"] == home
    assert f"folder {home}" in world.agent_log(machine)
    assert not {"PYTEST_CURRENT_TEST", "PYTHONPATH", "VIRTUAL_ENV"} & set(seen)


def test_levers_add_to_the_environment(world: AwsWorld, launch: Launch) -> None:
    world.pull(machine_env={"EXTRA": "yes"})
    made = launch()[0]
    until(lambda: "everything is up" in world.agent_log(made))
    assert environment(world, made)["EXTRA"] == "yes"


def test_a_machine_has_its_own_copy_of_the_runner(world: AwsWorld, machine: str) -> None:
    assert "running as" in world.agent_log(machine)


def test_terminating_kills_everything_below(world: AwsWorld, machine: str) -> None:
    found = pids(world, machine)
    assert len(found) == 3
    assert all(map(running, found))
    world.halt(machine)
    until(lambda: world.machine(machine).state == "terminated")
    assert all_gone(found)


def test_lost_hardware_kills_everything_below(world: AwsWorld, machine: str) -> None:
    found = pids(world, machine)
    world.lose(machine)
    until(lambda: all_gone(found))


def test_with_grace_the_agent_is_told_first(world: AwsWorld, machine: str) -> None:
    world.pull(shutdown_grace=0.3)
    found = pids(world, machine)
    world.interrupt(machine, after=0.0)
    until(lambda: "told to go" in world.agent_log(machine))
    until(lambda: all_gone(found))


def test_an_agent_that_ends_does_not_end_its_machine(world: AwsWorld, launch: Launch) -> None:
    world.pull(machine_env={"DUMMY_EXIT": "3"})
    made = launch()[0]
    until(lambda: world.machine(made).agent_code == 3)
    assert world.machine(made).state == "running"


def test_a_killed_agent_leaves_its_job_to_the_machine(world: AwsWorld, machine: str) -> None:
    agent, *rest = pids(world, machine)
    os.kill(agent, signal.SIGKILL)
    until(lambda: world.machine(machine).agent_code == -signal.SIGKILL)
    assert all(map(running, rest))
    world.halt(machine)
    until(lambda: all_gone(rest))


def test_a_machine_may_never_start_its_agent(world: AwsWorld, launch: Launch) -> None:
    world.pull(never_register=1)
    made = launch(2)
    until(lambda: sum(world.machine(name).agent_pid is not None for name in made) == 1)
    assert all(world.machine(name).state == "running" for name in made)


def test_a_boot_may_be_slow(world: AwsWorld, launch: Launch) -> None:
    world.pull(slow_boots=1, slow_boot_seconds=0.5)
    slow, quick = launch(2)
    until(lambda: world.machine(quick).state == "running")
    assert world.machine(slow).state == "pending"


def test_many_machines_boot_in_seconds(world: AwsWorld, launch: Launch) -> None:
    made = launch(20)
    until(lambda: all("everything is up" in world.agent_log(name) for name in made), within=30.0)


def test_a_command_behaves_like_a_module() -> None:
    plan = AgentPlan(command=(sys.executable, "-m", AGENT), preload=())
    env = {"DUMMY_EXIT": "4", "PYTHONPATH": str(Path.cwd())}
    levers = QUICK.model_copy(update={"machine_env": env})
    with AwsWorld(AwsConfig(agent=plan, levers=levers)) as world:
        made = launcher(world)()[0]
        until(lambda: world.machine(made).agent_code == 4)
        assert "AWS_ENDPOINT_URL" in environment(world, made)


@pytest.fixture
def own(runner: Path) -> AwsWorld:
    """A world of the test's own, to be ended by it."""
    plan = AgentPlan(module=AGENT, runner=str(runner), preload=())
    return AwsWorld(AwsConfig(agent=plan, levers=QUICK))


def started(world: AwsWorld) -> tuple[str, list[int]]:
    made = launcher(world)()[0]
    until(lambda: "everything is up" in world.agent_log(made))
    return made, pids(world, made)


def test_the_end_of_the_world_is_the_end_of_its_machines(own: AwsWorld) -> None:
    with own as world:
        _, found = started(world)
        server = world.pid
    assert all_gone([server, *found])
    assert not own.home.exists()


def test_a_killed_server_takes_its_machines_along(own: AwsWorld) -> None:
    with own as world:
        _, found = started(world)
        os.killpg(world.pid, signal.SIGKILL)
        until(lambda: all_gone(found))


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of a parent's death")
def test_a_killed_fork_server_takes_its_machines_along(own: AwsWorld) -> None:
    with own as world:
        _, found = started(world)
        os.kill(parent(parent(found[0])), signal.SIGKILL)
        until(lambda: all_gone(found))


STARTER = """
import os, sys
from simulator.aws.client import AwsWorld
from simulator.aws.models import AgentPlan, AwsConfig
from tests.simulator.machines.test_machines import AGENT, QUICK, started
world = AwsWorld(AwsConfig(agent=AgentPlan(module=AGENT, runner=sys.argv[1]), levers=QUICK))
world.start()
print(world.pid, *started(world)[1], flush=True)
os.kill(os.getpid(), 9)
"""


def test_whoever_started_the_world_may_be_killed(runner: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", STARTER, str(runner)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path.cwd(),
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    found = [int(word) for word in ended.stdout.split()]
    assert len(found) == 4
    until(lambda: all_gone(found))
