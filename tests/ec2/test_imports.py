"""What an agent imports stays small: no orchestrator, no web framework."""

import subprocess
import sys

import pytest

HEAVY = {"temporalio", "fastapi", "httpx", "moto", "kubernetes"}
SDK = {"boto3", "botocore"}


def imported_by(module: str) -> set[str]:
    script = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "runs_fleet.aws.clients",
        "runs_fleet.providers.ec2.own",
        "runs_fleet.providers.ec2.provider",
        "runs_fleet.providers.ec2.ssm",
        "runs_fleet.queues.sqs",
    ],
)
def test_an_adapter_brings_only_its_sdk(module: str) -> None:
    assert imported_by(module) & HEAVY == set()


@pytest.mark.parametrize("module", ["runs_fleet.placement", "runs_fleet.providers.ec2.events"])
def test_the_pure_parts_need_no_sdk(module: str) -> None:
    assert imported_by(module) & (HEAVY | SDK) == set()
