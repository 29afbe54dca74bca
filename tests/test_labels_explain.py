"""`runs-fleet labels explain` and the gate around it."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from runs_fleet.__main__ import app

SEEN_AT_START = "import sys, runs_fleet.__main__; print('temporalio' in sys.modules)"


def run(*arguments: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return ended.exit_code, ended.stdout, ended.stderr


def test_a_label_is_explained_as_a_table() -> None:
    status, out, err = run("labels", "explain", "runs-fleet/cpu=4/family=c7g+m7g/pool=default")
    assert (status, err) == (0, "")
    assert "4 to 8" in out
    assert "c7g, m7g" in out


def test_a_label_is_explained_as_json() -> None:
    status, out, _ = run("labels", "explain", "--json", "runs-fleet=1/runner=4cpu-linux-arm64")
    answer = json.loads(out)
    assert status == 0
    assert answer["label"] == "runs-fleet=1/runner=4cpu-linux-arm64"
    assert answer["spec"]["cpu"] == {"least": 4, "most": 8}
    assert answer["spec"]["arch"] == "arm64"


def test_all_labels_of_a_job_may_be_given() -> None:
    status, out, _ = run("labels", "explain", "self-hosted", "runs-fleet/cpu=4", "--json")
    assert (status, json.loads(out)["label"]) == (0, "runs-fleet/cpu=4")


@pytest.mark.parametrize(
    ("label", "status", "said"),
    [
        ("runs-fleet/cpus=4", 1, "did you mean 'cpu'"),
        ("runs-fleet/cpu=16+4", 1, "minimum 16 is above the maximum 4"),
        ("ubuntu-latest", 2, "not our label: ubuntu-latest"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_cannot_be_had_is_told_on_stderr(
    label: str, status: int, said: str, options: list[str]
) -> None:
    ended, _, err = run("labels", "explain", label, *options)
    assert ended == status
    assert said in err
    assert err.count("\n") == 1


def test_a_refusal_is_in_the_json_as_well() -> None:
    _, out, _ = run("labels", "explain", "runs-fleet/cpus=4", "--json")
    assert "did you mean 'cpu'" in json.loads(out)["refusal"]


def test_the_version_is_printed() -> None:
    status, out, _ = run("--version")
    assert (status, out.split()[0]) == (0, "runs-fleet")


@pytest.mark.parametrize("command", ["api", "worker", "demo", "dev", "labels"])
def test_every_door_has_a_command(command: str) -> None:
    status, out, _ = run(command, "--help")
    assert (status, "Usage" in out) == (0, True)


def test_the_gate_loads_no_orchestrator() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SEEN_AT_START], capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "False"
