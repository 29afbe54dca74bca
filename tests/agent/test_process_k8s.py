"""The agent as a pod starts it: one process, real files, a real Valkey with its users."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent import scripts
from tests.agent.fakes import JIT, PATIENCE, RUNNER
from tests.agent.pods import PASSWORD, Pod, Valkey

GATED_JOB = (
    scripts.HELLO
    + scripts.LISTENING
    + "read -r < start\n"
    + scripts.RUNNING
    + "read -r < finish\n"
    + scripts.completed("Succeeded")
)

# What modules hold is let go of as the interpreter ends, after it gave its signals back.
STOPPED_ON_THE_WAY_OUT = """
import os, signal, sys
from agent.__main__ import main

class Kubelet:
    def __del__(self, kill=os.kill, number=signal.SIGTERM, agent=os.getpid()):
        kill(agent, number)

sys.kubelet = Kubelet()
sys.argv = ["runs-fleet-agent"]
sys.exit(main())
"""


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    made = Valkey(tmp_path / "valkey")
    yield made
    made.server.stop()


@pytest.fixture
def pod(tmp_path: Path, valkey: Valkey) -> Iterator[Pod]:
    with Pod(tmp_path, valkey) as made:
        yield made


def test_a_job_from_config_to_exit(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install("env > env.txt\n" + scripts.job("Succeeded"))
    assert pod.lives() == 0, pod.log()
    assert valkey.story() == ["ready", "started", "finished Succeeded"]
    assert {report.machine_id for report in valkey.reports()} == {RUNNER}


def test_neither_log_nor_the_runners_environment_holds_a_secret(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install("env > env.txt\necho $ACTIONS_RUNNER_INPUT_JITCONFIG\n" + scripts.NO_JOB)
    assert pod.lives() == 0
    inherited = (pod.runner_dir / "env.txt").read_text()
    assert JIT in inherited
    key = pod.config().report_key
    assert [each for each in (PASSWORD, key, "RUNS_FLEET_") if each in inherited] == []
    assert [each for each in (PASSWORD, key, JIT) if each in pod.log()] == []


def test_a_failed_job_is_no_trouble_of_the_pods(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.job("Failed"))
    assert pod.lives() == 0
    assert valkey.story() == ["ready", "started", "finished Failed"]


def test_sigterm_cancels_the_job_and_says_so(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.CANCELLED_BY_STOP)
    pod.mount()
    pod.start()
    valkey.wait_for("started")
    pod.terminate()
    assert pod.exit_code() == 143
    assert valkey.story() == ["ready", "started", "interrupted", "finished Canceled"]


def test_sigterm_before_the_job_ends_the_pod(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.IDLE)
    pod.mount()
    pod.start()
    pod.wait_for_log("Listening for Jobs")
    pod.terminate()
    assert pod.exit_code() == 143
    assert valkey.story() == ["ready", "interrupted", "finished interrupted"]


def test_sigterm_before_the_config_ends_the_pod(pod: Pod) -> None:
    pod.start()
    pod.wait_for_log("no config yet")
    pod.terminate()
    assert pod.exit_code() == 143


def test_sigterm_on_the_way_out_changes_nothing(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.job("Succeeded"))
    pod.mount()
    pod.start("-c", STOPPED_ON_THE_WAY_OUT)
    assert pod.exit_code() == 0
    assert valkey.story() == ["ready", "started", "finished Succeeded"]


def test_an_idle_runner_is_a_normal_end(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.IDLE)
    pod.mount(idle_limit=b"0.5")
    pod.start()
    assert pod.exit_code() == 0
    assert valkey.story() == ["ready", "finished idle"]


def test_a_job_goes_on_while_valkey_is_away_and_is_told_when_it_is_back(
    pod: Pod, valkey: Valkey
) -> None:
    valkey.server.start()
    pod.install(GATED_JOB)
    pod.mount()
    pod.start()
    valkey.wait_for("ready")
    valkey.server.kill()
    pod.let_past("start")
    pod.wait_for_log("report not sent yet")
    valkey.server.start()
    valkey.wait_for("started")
    pod.let_past("finish")
    assert pod.exit_code() == 0
    assert valkey.story() == ["ready", "started", "finished Succeeded"]


def test_a_valkey_that_comes_late_hears_everything(pod: Pod, valkey: Valkey) -> None:
    pod.install(GATED_JOB)
    pod.mount()
    pod.start()
    pod.let_past("start")
    pod.wait_for_log("report not sent yet")
    valkey.server.start()
    valkey.wait_for("started")
    pod.let_past("finish")
    assert pod.exit_code() == 0
    assert valkey.story() == ["ready", "started", "finished Succeeded"]


def test_a_valkey_that_never_answers_fails_no_job(pod: Pod) -> None:
    pod.install(scripts.job("Succeeded"))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"redis://u:{PASSWORD}@127.0.0.1:{deaf.getsockname()[1]}/0?stream=s"
        pod.mount(reports=address.encode())
        pod.start()
        assert pod.exit_code() == 0
    assert "reports lost" in pod.log()
    assert PASSWORD not in pod.log()


def test_a_key_that_comes_late_is_waited_for(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    pod.install(scripts.NO_JOB)
    pod.mount()
    (pod.secrets / "jit_config").rename(pod.secrets / "elsewhere")
    pod.start()
    pod.wait_for_log("no config yet")
    (pod.secrets / "elsewhere").rename(pod.secrets / "jit_config")
    assert pod.exit_code() == 0
    assert valkey.story() == ["ready", "finished no_job"]


def test_a_key_that_never_comes_is_trouble(pod: Pod) -> None:
    pod.environ["RUNS_FLEET_AGENT_CONFIG_TIMEOUT"] = "1s"
    pod.mount()
    (pod.secrets / "jit_config").unlink()
    pod.start()
    assert pod.exit_code() == 3
    assert "no config in time" in pod.log()


def test_a_key_that_cannot_be_read_is_trouble_and_not_quoted(pod: Pod) -> None:
    pod.mount(jit_config=b"\xff secret")
    pod.start()
    assert pod.exit_code() == 3
    assert "jit_config of the config: not UTF-8" in pod.log()
    assert "secret" not in pod.log().replace("secrets", "")


def test_an_image_without_a_runner_is_trouble(pod: Pod, valkey: Valkey) -> None:
    valkey.server.start()
    assert pod.lives() == 4
    assert valkey.story() == ["ready", "failed broken"]


def test_a_wrong_setting_is_told_before_anything_else(pod: Pod) -> None:
    pod.environ["RUNS_FLEET_AGENT_STOP_GRACE"] = "soon"
    pod.start()
    assert pod.exit_code() == 2
    assert "RUNS_FLEET_AGENT_STOP_GRACE" in pod.log()


def test_a_pod_is_found_without_being_told(pod: Pod, valkey: Valkey) -> None:
    del pod.environ["RUNS_FLEET_MODE"]
    valkey.server.start()
    pod.install(scripts.NO_JOB)
    assert pod.lives() == 0
    assert valkey.story() == ["ready", "finished no_job"]


@pytest.mark.parametrize(
    ("place", "needed", "spared"),
    [
        ("on_k8s", set(), {"boto3", "botocore", "redis", "kubernetes"}),
        ("on_ec2", {"boto3"}, {"redis", "kubernetes"}),
    ],
)
def test_a_place_loads_only_its_own(place: str, needed: set[str], spared: set[str]) -> None:
    code = f"""
import sys
from agent.__main__ import {place}
from runs_fleet.settings import load_agent
{place}(load_agent({{}}))
print(*sys.modules)
"""
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout.split()
    assert needed <= set(loaded)
    assert spared.isdisjoint(loaded)
