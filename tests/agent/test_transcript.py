"""What the runner's lines mean."""

import pytest

from agent.transcript import Completed, Listening, Running, Said, Symptom, Updating, parse

TIME = "2026-09-16 15:14:46Z: "


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{TIME}Listening for Jobs", Listening()),
        (f"{TIME}Running job: build (arm64)", Running("build (arm64)")),
        (f"{TIME}Job build (arm64) completed with result: Succeeded", Completed("Succeeded")),
        (
            f"{TIME}Job completed with result: Failed completed with result: Canceled",
            Completed("Canceled"),
        ),
        (
            "The runner no longer exists on the server. Cleaning up local configuration.",
            Symptom("registration_lost"),
        ),
        (
            "Failed to create a session. The runner registration has been deleted from the "
            "server, please re-configure.",
            Symptom("registration_lost"),
        ),
        (
            "Runner listener exit with Session Conflict error, stop the service, no retry needed.",
            Symptom("conflict"),
        ),
        ("Runner update in progress, do not shutdown runner.", Updating()),
        ("Restarting runner...", Updating()),
    ],
)
def test_lines_that_tell_something(line: str, said: Said) -> None:
    assert parse(line) == said


@pytest.mark.parametrize(
    "line",
    [
        "",
        "√ Connected to GitHub",
        "Current runner version: '2.336.0'",
        "Listening for Jobs",
        f"[RUNNER {TIME}INFO Terminal] WRITE LINE: {TIME}Listening for Jobs",
        f"{TIME}Runner connect error: Error: Conflict. Retrying until reconnected.",
        "A session for this runner already exists.",
    ],
)
def test_lines_that_tell_nothing(line: str) -> None:
    assert parse(line) is None


def test_a_job_may_be_named_like_trouble() -> None:
    name = "check that it no longer exists on the server"
    assert parse(f"{TIME}Running job: {name}") == Running(name)
