"""A job on a release of the chart: its environment, its users, and its worker's own account."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from simulator.github.books import JobRecord
from simulator.github.plans import JobPlan, RunPlan
from simulator.github.world import GitHubWorld
from simulator.kube.api import Json
from simulator.kube.nodes import Nodes
from simulator.kube.plans import Agents
from simulator.ports import free_port
from simulator.processes import die_with_parent, end, wait_for_port
from simulator.runner.installation import install
from simulator.temporal import TemporalServer
from simulator.valkey import ValkeyServer
from simulator.world import OURS
from tests.helm.chart import resolved
from tests.helm.conftest import NAME, Release, listed
from tests.kube.cluster import BUILD_WITHIN
from tests.simulator.waiting import until

PATIENCE = 120.0
LABEL = "runs-fleet=${{ github.run_id }}/cpu=2/private=true"
MANAGED = "?labelSelector=app.kubernetes.io/managed-by%3Druns-fleet"
KINDS = {
    "/apis/batch/v1": ("jobs",),
    "/api/v1": ("pods", "configmaps", "secrets", "persistentvolumeclaims"),
    "/apis/networking.k8s.io/v1": ("networkpolicies",),
}


@dataclass
class Stage:
    """All that a release of the chart stands on, and the processes of the release."""

    home: Path
    release: Release
    temporal: TemporalServer
    github: GitHubWorld
    valkey: ValkeyServer
    port: int = field(default_factory=free_port)

    def start(self, command: str, deployment: str) -> subprocess.Popen[bytes]:
        """Start a container of a Deployment, but for where things are on this machine."""
        given = resolved(self.release.objects(), deployment, self.home / command)
        with self.log(command).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "runs_fleet", command],
                env={**given, **self._here(), **ours()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )

    def log(self, command: str) -> Path:
        """Where a process writes."""
        return self.home / f"{command}.log"

    def job(self, job_id: int) -> JobRecord:
        """What GitHub knows of a job."""
        return self.github.books(deliveries=False).job(job_id)

    def watchers(self) -> list[str]:
        """The Leases of those who watch."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self.release.runners}/leases"
        return [each["metadata"]["name"] for each in listed(self.release.cluster, path)]

    def left(self) -> list[Json]:
        """What there is of runners."""
        where = f"namespaces/{self.release.runners}"
        paths = [f"{api}/{where}/{kind}{MANAGED}" for api, kinds in KINDS.items() for kind in kinds]
        return [each for path in paths for each in listed(self.release.cluster, path)]

    def _here(self) -> dict[str, str]:
        return {
            **self.github.env(),
            "TEMPORAL_ADDRESS": self.temporal.address,
            "RUNS_FLEET_VALKEY_URL": self.valkey.url,
            "RUNS_FLEET_K8S_KUBECONFIG": str(self.release.kubeconfig),
            "RUNS_FLEET_HOST": "127.0.0.1",
            "RUNS_FLEET_PORT": str(self.port),
            "RUNS_FLEET_METRICS_HOST": "127.0.0.1",
            "RUNS_FLEET_METRICS_PORT": "0",
            "RUNS_FLEET_FINISH_GRACE": "2s",
            "RUNS_FLEET_BUSY_LOOK": "1s",
        }


def ours() -> Mapping[str, str]:
    """What this machine needs to run anything."""
    return {name: os.environ[name] for name in OURS if name in os.environ}


@pytest.fixture
def stage(release: Release, tmp_path: Path) -> Iterator[Stage]:
    users = release.objects().one("Secret", f"{NAME}-runs-fleet")["stringData"]["users.acl"]
    runner = tmp_path / "runner"
    install(runner)
    agents = Agents(preload=(), runner=runner)
    kubeconfig, place = release.cluster.kubeconfig, release.runners
    with (
        TemporalServer() as temporal,
        GitHubWorld(directory=tmp_path) as github,
        ValkeyServer(tmp_path / "valkey", users=users.splitlines()) as valkey,
        Nodes(kubeconfig, tmp_path / "nodes", namespace=place, agents=agents),
        ExitStack() as processes,
    ):
        stage = Stage(tmp_path, release, temporal, github, valkey)
        api = stage.start("api", f"{NAME}-runs-fleet-api")
        processes.callback(end, api)
        processes.callback(end, stage.start("worker", f"{NAME}-runs-fleet-worker-k8s"))
        wait_for_port(stage.port, api)
        until(lambda: is_ready(stage.port), within=PATIENCE)
        github.deliver_to(f"http://127.0.0.1:{stage.port}/webhook")
        yield stage


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.timeout(BUILD_WITHIN)
def test_a_job_runs_and_nothing_is_left(stage: Stage) -> None:
    plan = JobPlan(labels=(LABEL,))
    (job_id,) = stage.github.create_run(RunPlan(jobs=(plan,))).jobs
    until(lambda: stage.job(job_id).status == "completed", within=PATIENCE)
    until(lambda: not stage.left(), within=PATIENCE)
    job = stage.job(job_id)
    assert (job.conclusion, job.runners) == ("success", (f"runs-fleet-{job_id}-1",))
    assert stage.watchers() == ["runs-fleet-default-watch"]
    assert "forbidden" not in stage.log("worker").read_text()
