"""The agent as the machine starts it: one process, real AWS clients, nothing heavy."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from runs_fleet.models import RunnerReport
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2.ssm import SsmConfigStore
from runs_fleet.reports import key, opened
from tests.agent import scripts
from tests.agent.fakes import JIT, PATIENCE, RUNNER, SECRET, MetadataService, metadata_service

_numbers = count(1)
# One for all tests: parsing EC2's model takes a third of a second, each session anew.
SESSION = boto3.Session(
    aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
)
ROLE = json.dumps(
    {
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": "role",
        "SecretAccessKey": "role-secret",
        "Token": "role-token",
        "LastUpdated": "2026-01-01T00:00:00Z",
        "Expiration": "2099-01-01T00:00:00Z",
    }
)


@dataclass(frozen=True)
class Cloud:
    """Moto with one machine, one queue and one place for configs in it.

    Moto keeps its state in this process, whatever server answers: names are never used twice.
    """

    endpoint: str
    machine_id: str = ""
    queue: str = ""
    prefix: str = ""

    def client(self, service: Any) -> Any:
        return SESSION.client(service, endpoint_url=self.endpoint)

    def give_config(self) -> None:
        config = RunnerConfig(
            runner=RUNNER,
            jit_config=JIT,
            report_key=key(SECRET, RUNNER),
            reports=self.queue,
            idle_limit=60,
            max_runtime=60,
        )
        SsmConfigStore(self.client("ssm"), self.prefix).store(self.machine_id, config)

    def reports(self) -> list[RunnerReport]:
        answer = self.client("sqs").receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [opened(message["Body"], secret=SECRET) for message in answer["Messages"]]

    def parameters(self) -> list[Any]:
        below = [{"Key": "Path", "Option": "Recursive", "Values": [self.prefix]}]
        answer = self.client("ssm").describe_parameters(ParameterFilters=below)
        return list(answer["Parameters"])

    def machine_state(self) -> str:
        answer = self.client("ec2").describe_instances(InstanceIds=[self.machine_id])
        return str(answer["Reservations"][0]["Instances"][0]["State"]["Name"])


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    bare = Cloud(f"http://{host}:{port}")
    launched = bare.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
    name = f"agent-process-{next(_numbers)}"
    queue = bare.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    yield Cloud(bare.endpoint, launched["Instances"][0]["InstanceId"], queue, f"/{name}")
    server.stop()


@pytest.fixture
def imds(cloud: Cloud) -> Iterator[MetadataService]:
    with metadata_service("/machine") as service:
        service.answers["meta-data/instance-id"] = cloud.machine_id
        service.answers["meta-data/placement/region"] = "us-east-1"
        yield service


@pytest.fixture
def environ(cloud: Cloud, imds: MetadataService, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "aws-secret",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.base,
        "RUNS_FLEET_RUNNER_DIR": str(tmp_path),
        "RUNS_FLEET_EC2_SSM_PREFIX": cloud.prefix,
    }


def start(environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agent"], env=environ, stderr=subprocess.PIPE, text=True
    )


def test_a_job_from_config_to_machine_gone(
    cloud: Cloud, environ: dict[str, str], tmp_path: Path
) -> None:
    scripts.install(tmp_path, "env > env.txt\n" + scripts.job("Succeeded"))
    cloud.give_config()
    with start(environ) as process:
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, log
    # A report whose answer was late is sent again.
    kinds = list(dict.fromkeys(report.kind for report in cloud.reports()))
    assert kinds == ["ready", "started", "finished"]
    assert cloud.parameters() == []
    assert cloud.machine_state() in {"shutting-down", "terminated"}
    assert JIT not in log
    assert "aws-secret" not in log + (tmp_path / "env.txt").read_text()


def test_a_role_that_comes_late_is_waited_for(
    cloud: Cloud, imds: MetadataService, environ: dict[str, str], tmp_path: Path
) -> None:
    scripts.install(tmp_path, scripts.job("Succeeded"))
    cloud.give_config()
    given = {key: value for key, value in environ.items() if not key.startswith("AWS_A")}
    with start(given | {"AWS_SECRET_ACCESS_KEY": "", "HOME": str(tmp_path)}) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "no AWS credentials yet" in line)
        imds.answers["meta-data/iam/security-credentials/"] = "runner"
        imds.answers["meta-data/iam/security-credentials/runner"] = ROLE
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert cloud.machine_state() in {"shutting-down", "terminated"}


def test_sigterm_while_waiting_ends_the_machine(cloud: Cloud, environ: dict[str, str]) -> None:
    with start(environ | {"RUNS_FLEET_LOG_LEVEL": "DEBUG"}) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "no config yet" in line)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "told to stop before there was a config" in log
    assert cloud.machine_state() in {"shutting-down", "terminated"}


def test_bad_settings_are_told_on_one_line_each() -> None:
    wrong = {"RUNS_FLEET_RUNNER_DIR": "here", "RUNS_FLEET_AGENT_STOP_GRACE": "soon"}
    with start(wrong) as process:
        _, log = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert len(log.splitlines()) == 2


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("-h", 0), ("--dry-run", 2)])
def test_an_agent_with_an_argument_tells_its_usage_and_does_nothing(
    argument: str, status: int
) -> None:
    agent = subprocess.run(
        [sys.executable, "-m", "agent", argument],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert agent.returncode == status
    assert "usage: runs-fleet-agent" in agent.stdout + agent.stderr


def test_the_agent_starts_without_anything_heavy() -> None:
    code = "import sys, agent.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout.split()
    heavy = {"temporalio", "fastapi", "httpx", "kubernetes", "jwt", "boto3", "redis"}
    assert heavy.isdisjoint(loaded)
