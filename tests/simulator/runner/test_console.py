"""The stand-in's console, byte for byte as the transcripts of actions/runner 2.336.0 have it."""

import pytest

from tests.simulator.github.callers import eventually
from tests.simulator.runner.machines import Machine

HEAD = "\n√ Connected to GitHub\n\nCurrent runner version: '2.336.0'\n"
LISTENING = f"{HEAD}<time>: Listening for Jobs\n"
REMOVED = "√ Removed .credentials\n√ Removed .runner\n"
CLEAN = "Runner listener exit with 0 return code, stop the service, no retry needed.\n"
TERMINATED = "Runner listener exit with terminated error, stop the service, no retry needed.\n"
EXIT = "Exiting runner...\n"


def test_a_job_that_succeeds(machine: Machine) -> None:
    job = machine.job()
    assert machine.run() == 0
    assert machine.console == (
        f"{LISTENING}<time>: Running job: build (arm64)\n"
        f"<time>: Job build (arm64) completed with result: Succeeded\n{REMOVED}{CLEAN}{EXIT}"
    )
    assert machine.errors == ""
    assert machine.record(job).conclusion == "success"
    assert not (machine.directory / ".runner").exists()


def test_a_job_that_fails_is_still_a_clean_exit(machine: Machine) -> None:
    job = machine.job(conclusion="failure")
    assert machine.run() == 0
    assert "completed with result: Failed\n" in machine.console
    assert machine.record(job).conclusion == "failure"


def test_the_config_may_come_as_an_argument(machine: Machine) -> None:
    machine.job()
    config, machine.jit = machine.jit, ""
    assert machine.run("--jitconfig", config) == 0
    assert "completed with result: Succeeded" in machine.console


def test_the_files_of_a_runner_are_written(machine: Machine) -> None:
    machine.listening()
    names = {path.name for path in machine.directory.iterdir()}
    assert {".runner", ".credentials", ".credentials_rsaparams", "_diag", "_work"} <= names


def test_a_registration_that_github_removes(machine: Machine) -> None:
    process = machine.listening()
    machine.app.world.remove_runner(machine.name)
    assert process.wait(10) == 0
    assert machine.console == f"{LISTENING}{REMOVED}{CLEAN}{EXIT}"
    assert machine.errors == (
        "The runner no longer exists on the server. Cleaning up local configuration.\n"
    )


def test_a_config_used_after_the_runner_was_deregistered(machine: Machine) -> None:
    machine.app.world.remove_runner(machine.name)
    assert machine.run() == 0
    assert machine.console == f"{HEAD}{TERMINATED}{EXIT}"
    assert machine.errors == (
        "Failed to create a session. The runner registration has been deleted from the server, "
        "please re-configure. Runner registrations are automatically deleted for runners that "
        "have not connected to the service recently.\n"
    )


def test_a_config_used_twice_at_once(machine: Machine) -> None:
    machine.listening()
    assert machine.run() == 0
    assert machine.errors.startswith(
        "A session for this runner already exists.\n"
        "<time>: Runner connect error: Error: Conflict. Retrying until reconnected.\n"
    )
    assert machine.errors.endswith(
        "Stop retry on SessionConflictException after retried for 0.1 seconds.\n"
        "Failed to create session. Error: Conflict\n"
    )
    assert machine.console.endswith(
        "Runner listener exit with Session Conflict error, stop the service, no retry needed.\n"
        "Exiting runner...\n"
    )


def test_a_bad_config(machine: Machine) -> None:
    machine.jit = "not base64"
    assert machine.run() == 0
    assert machine.console == f"{TERMINATED}{EXIT}"
    assert machine.errors.startswith("An error occurred: ")


def test_no_network_is_retried_for_ever_and_said_once(machine: Machine) -> None:
    process = machine.start(STANDIN_BROKER="http://127.0.0.1:9/")
    eventually(lambda: "Runner connect error" in machine.errors)
    process.terminate()
    assert process.wait(10) == 143
    assert machine.errors.count("Retrying until reconnected.") == 1


@pytest.mark.parametrize(("trap", "status"), [("", 0), ("1", 1)])
def test_root_is_refused_unless_allowed(machine: Machine, trap: str, status: int) -> None:
    del machine.environ["RUNNER_ALLOW_RUNASROOT"]
    assert machine.run(STANDIN_UID="0", RUNNER_MANUALLY_TRAP_SIG=trap) == status
    assert machine.console == f"Must not run interactively with sudo\n{EXIT}"


@pytest.mark.parametrize(
    ("code", "status", "line"),
    [
        ("6", 0, "Exiting with unknown error code: 6"),
        ("7", 0, "Exiting with unknown error code: 7"),
        ("102", 0, "Exiting with unknown error code: 102"),
        ("1", 0, "Runner listener exit with terminated error"),
        ("5", 0, "Runner listener exit with Session Conflict error"),
    ],
)
def test_the_listeners_code_hardly_ever_shows(
    machine: Machine, code: str, status: int, line: str
) -> None:
    assert machine.run(STANDIN_LISTENER_EXIT=code) == status
    assert line in machine.console


@pytest.mark.parametrize("trap", ["1", ""])
def test_an_outdated_runner_shows_if_so_asked(machine: Machine, trap: str) -> None:
    asked = {"ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE": "1"}
    status = machine.run(STANDIN_LISTENER_EXIT="7", RUNNER_MANUALLY_TRAP_SIG=trap, **asked)
    assert status == 7


@pytest.mark.parametrize("code", ["2", "3", "4"])
def test_some_codes_start_the_listener_again(machine: Machine, code: str) -> None:
    process = machine.start(STANDIN_LISTENER_EXIT=code)
    eventually(lambda: machine.console.count("Restarting runner...\n") > 1)
    assert process.poll() is None


def test_the_result_is_told_as_a_code_to_those_who_ask(machine: Machine) -> None:
    machine.job(conclusion="failure")
    assert machine.run(ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED="1") == 0
    assert "Exiting with unknown error code: 102\n" in machine.console
