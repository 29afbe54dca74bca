"""A runner that its agent registers by itself, with a token that no job sees."""

from pathlib import Path

import pytest

from agent.runner import NotConfigured, prepared
from runs_fleet.ports import RunnerConfig
from runs_fleet.registering import TokenRegistration

TOKEN = "AABBCCDDEEFFGGHHIIJJKKLLMMNNO"
CONFIG = RunnerConfig(
    runner="runs-fleet-1-1",
    jit_config="",
    report_key="key",
    reports="queue",
    idle_limit=1,
    max_runtime=1,
    registration=TokenRegistration(
        url="https://github.com/acme",
        token=TOKEN,
        labels=("runs-fleet/cpu=2", "b"),
        group="Default",
    ),
)
ENVIRON = {"PATH": "/usr/bin:/bin", "RUNS_FLEET_MODE": "ec2", "AWS_REGION": "us-east-1"}


def config_sh(directory: Path, script: str) -> Path:
    path = directory / "config.sh"
    path.write_text(f"#!/bin/bash\n{script}")
    path.chmod(0o755)
    return directory


def test_config_sh_is_told_everything_but_the_token_as_arguments(tmp_path: Path) -> None:
    prepared(config_sh(tmp_path, 'printf "%s\\n" "$@" > said; env > environment'), ENVIRON, CONFIG)
    assert (tmp_path / "said").read_text().splitlines() == [
        "--unattended", "--ephemeral", "--no-default-labels", "--disableupdate",
        "--url", "https://github.com/acme", "--name", "runs-fleet-1-1",
        "--labels", "runs-fleet/cpu=2,b", "--runnergroup", "Default", "--work", "_work",
    ]  # fmt: skip
    environment = (tmp_path / "environment").read_text()
    assert f"ACTIONS_RUNNER_INPUT_TOKEN={TOKEN}\n" in environment
    assert "RUNS_FLEET" not in environment


def test_the_runner_itself_never_sees_the_token(tmp_path: Path) -> None:
    environment = prepared(config_sh(tmp_path, "exit 0"), ENVIRON, CONFIG)
    assert TOKEN not in str(environment)
    assert "ACTIONS_RUNNER_INPUT_JITCONFIG" not in environment
    assert environment["RUNNER_MANUALLY_TRAP_SIG"] == "1"


def test_a_runner_with_a_jit_config_needs_no_registration(tmp_path: Path) -> None:
    config = RunnerConfig("runs-fleet-1-1", "jit", "key", "queue", 1, 1)
    assert prepared(tmp_path, ENVIRON, config)["ACTIONS_RUNNER_INPUT_JITCONFIG"] == "jit"


def test_what_goes_wrong_is_said_without_the_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = 'echo "token $ACTIONS_RUNNER_INPUT_TOKEN is no good" >&2; exit 1'
    with pytest.raises(NotConfigured) as refusal, caplog.at_level("INFO"):
        prepared(config_sh(tmp_path, script), ENVIRON, CONFIG)
    assert str(refusal.value) == "config.sh ended with 1: token *** is no good"
    assert TOKEN not in str([vars(record) for record in caplog.records])


def test_a_runner_without_config_sh_cannot_be_configured(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"config\.sh"):
        prepared(tmp_path, ENVIRON, CONFIG)
