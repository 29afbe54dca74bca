"""The stand-in's jobs, hooks, cancellations, signals and deaths."""

import os
import signal
import subprocess

import pytest

from tests.simulator.github.callers import eventually
from tests.simulator.runner.machines import Machine


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_a_trapping_runner_cancels_the_job(
    machine: Machine, number: int, status: int
) -> None:
    job = machine.job(seconds=60)
    process = machine.working()
    process.send_signal(number)
    assert process.wait(10) == status
    assert machine.console.endswith(
        "Exiting...\n<time>: Job build (arm64) completed with result: Canceled\n"
        "Runner listener exit with 0 return code, stop the service, no retry needed.\n"
        "Exiting runner...\n"
    )
    assert machine.record(job).conclusion == "cancelled"


def test_a_signal_to_an_idle_runner_ends_it_and_leaves_its_registration(machine: Machine) -> None:
    process = machine.listening()
    process.terminate()
    assert process.wait(10) == 143
    assert "Canceled" not in machine.console
    assert (machine.runner.removed_at, machine.runner.online) == (None, False)


def test_without_the_trap_sigterm_orphans_the_listener(machine: Machine) -> None:
    job = machine.job(seconds=0.5)
    process = machine.working(RUNNER_MANUALLY_TRAP_SIG="")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    eventually(lambda: machine.record(job).conclusion == "success")


def test_killing_the_group_of_a_trapping_runner_does_not_reach_the_listener(
    machine: Machine,
) -> None:
    machine.job(seconds=60)
    process = machine.working()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    assert machine.members(process) != []


def test_a_cancelled_job_is_reported_as_canceled(machine: Machine) -> None:
    job = machine.job(seconds=60)
    process = machine.working()
    machine.app.world.cancel_job(job)
    assert process.wait(10) == 0
    assert "completed with result: Canceled\n" in machine.console
    assert machine.record(job).conclusion == "cancelled"


def test_hooks_run_around_the_job_and_know_it(machine: Machine) -> None:
    job = machine.job()
    hooks = machine.hook("started", "echo $GITHUB_RUN_ID $GITHUB_REPOSITORY > started\n")
    hooks |= machine.hook("completed", "test -f $GITHUB_EVENT_PATH && touch completed\n")
    assert machine.run(**hooks) == 0
    said = (machine.directory / "started").read_text().split()
    assert said == [str(machine.record(job).run_id), f"{machine.app.owner}/app"]
    assert (machine.directory / "completed").exists()


@pytest.mark.parametrize("moment", ["started", "completed"])
def test_a_failing_hook_fails_the_job(machine: Machine, moment: str) -> None:
    job = machine.job()
    assert machine.run(**machine.hook(moment, "false\n")) == 0
    assert machine.record(job).conclusion == "failure"


def test_the_completed_hook_does_not_run_after_a_signal(machine: Machine) -> None:
    machine.job(seconds=60)
    process = machine.working(**machine.hook("completed", "touch completed\n"))
    process.terminate()
    process.wait(10)
    assert not (machine.directory / "completed").exists()


def test_a_hook_does_not_see_the_config(machine: Machine) -> None:
    machine.job()
    assert machine.run(**machine.hook("started", "env > seen\n")) == 0
    assert "JITCONFIG" not in (machine.directory / "seen").read_text()


def test_a_machine_that_dies_busy_is_noticed_and_its_job_fails_later(machine: Machine) -> None:
    job = machine.job(seconds=60)
    process = machine.working()
    machine.burn()
    process.wait(10)
    eventually(lambda: machine.runner.lost_busy_at is not None)
    eventually(lambda: machine.record(job).conclusion == "failure")
    assert machine.runner.removed_how == "lease_lost"


def test_a_busy_runner_cannot_be_deleted_nor_for_a_while_after_its_job(machine: Machine) -> None:
    machine.job(seconds=0.3)
    process = machine.working()
    url = f"/orgs/{machine.app.owner}/actions/runners/{machine.runner.id}"
    while_busy = machine.app.call("DELETE", url)
    process.wait(10)
    eventually(lambda: machine.app.call("DELETE", url).status_code == 404)
    assert while_busy.status_code == 422
    assert "is currently running a job and cannot be deleted" in while_busy.text


def test_deleting_an_idle_runner_ends_it(machine: Machine) -> None:
    process = machine.listening()
    url = f"/orgs/{machine.app.owner}/actions/runners/{machine.runner.id}"
    assert machine.app.call("DELETE", url).status_code == 204
    assert process.wait(10) == 0
    assert "no longer exists on the server" in machine.errors


def test_a_thief_takes_the_runner_of_another_job(machine: Machine) -> None:
    victim = machine.job()
    thief = machine.app.world.steal(
        ("runs-fleet", "linux"), repo=f"{machine.app.owner}/app", seconds=0.1
    )
    assert machine.run() == 0
    assert machine.record(thief).runners == (machine.name,)
    assert machine.record(victim).status == "queued"


def test_a_runner_whose_network_is_lost_is_dead_to_github(machine: Machine) -> None:
    job = machine.job(seconds=60)
    machine.working()
    machine.app.world.kill_runner(machine.name)
    eventually(lambda: machine.record(job).conclusion == "failure")
    assert machine.runner.lost_busy_at is not None


def test_a_runner_uses_the_python_that_it_is_told(machine: Machine) -> None:
    assert machine.run(STANDIN_PYTHON="/bin/false") == 0
    assert "Runner listener exit with terminated error" in machine.console


def test_it_starts_fast(machine: Machine) -> None:
    modules = subprocess.run(
        ["python3", "-I", "-S", "-X", "importtime", str(machine.directory / "bin/Runner.Listener")],
        env={"STANDIN_LISTENER_EXIT": "0"}, capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert not any(slow in modules for slow in ("ssl", "http.client", "typing", "subprocess"))
