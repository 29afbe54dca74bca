"""A fleet in a place of its own: what its programs are told, and what they are told by GitHub."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from api.delivery import signed
from simulator.ports import free_port
from simulator.temporal import TemporalServer
from tests.addressable.cloud import REGION, TEMPLATE, Cloud
from tests.addressable.enterprise import INSTALLATION, REPO, Enterprise
from tests.addressable.programs import Program
from tests.agent.fakes import MetadataService, metadata_service

APP_ID = "Iv23liExample"
WEBHOOK_SECRET = "the-hook-secret"
REPORT_SECRET = "a-report-secret-of-some-length"
LABEL = "runs-fleet=1/cpu=2/arch=amd64"
JOB_ID = 7_700_001


class Fleet:
    """Addresses first; servers and programs start when the test says so."""

    def __init__(self, home: Path) -> None:
        self.home, self._stack = home, ExitStack()
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.temporal, self.cloud = TemporalServer(), Cloud()
        self.github = Enterprise(APP_ID, public)
        for server in (self.temporal, self.cloud, self.github):
            self._stack.callback(server.stop)
        self.port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        self._stack.callback(self.http.close)

    def close(self) -> None:
        """Stop everything."""
        self._stack.close()

    def api(self) -> Program:
        """Start the API."""
        told = {
            "RUNS_FLEET_HOST": "127.0.0.1",
            "RUNS_FLEET_PORT": str(self.port),
            "RUNS_FLEET_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "RUNS_FLEET_FINISH_GRACE": "2s",
            "TEMPORAL_ADDRESS": self.temporal.address,
        }
        return self._run("runs-fleet", "api", env=told)

    def worker(self) -> Program:
        """Start a worker."""
        told = {
            **self._aws(),
            "RUNS_FLEET_GITHUB_API_URL": self.github.api_url,
            "RUNS_FLEET_GITHUB_APP_ID": APP_ID,
            "RUNS_FLEET_GITHUB_PRIVATE_KEY": self._pem,
            "RUNS_FLEET_REPORT_SECRET": REPORT_SECRET,
            "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_AMD64": TEMPLATE,
            "RUNS_FLEET_EC2_SUBNETS": self.cloud.subnet,
            "RUNS_FLEET_EC2_REPORTS_QUEUE_URL": self.cloud.reports,
            "RUNS_FLEET_METRICS_PORT": "",
            "TEMPORAL_ADDRESS": self.temporal.address,
        }
        return self._run("runs-fleet", "worker", env=told)

    def agent(self, machine_id: str, *, runner_dir: Path) -> Program:
        """Start the agent of one machine."""
        imds: MetadataService = self._stack.enter_context(metadata_service("/imds"))
        imds.answers["meta-data/instance-id"] = machine_id
        told = {
            **self._aws(),
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.base,
            "RUNS_FLEET_RUNNER_DIR": str(runner_dir),
        }
        return self._run("runs-fleet-agent", env=told)

    def status(self, path: str) -> int:
        """Ask a probe of the API; 0 while nobody answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def deliver(self, action: str, **job: Any) -> httpx.Response:
        """Post a signed `workflow_job` event to the API."""
        now = datetime.now(UTC).isoformat()
        facts = {"id": JOB_ID, "run_id": 1, "labels": [LABEL], "status": action, "created_at": now}
        payload = {
            "action": action,
            "workflow_job": {**facts, "name": "build", "workflow_name": "CI", **job},
            "repository": {"full_name": REPO},
            "installation": {"id": INSTALLATION},
        }
        body = json.dumps(payload).encode()
        mac = signed(body, WEBHOOK_SECRET.encode())
        headers = {"x-github-event": "workflow_job", "x-hub-signature-256": mac}
        return self.http.post("/webhook", content=body, headers=headers)

    def _aws(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.cloud.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "RUNS_FLEET_EC2_SSM_PREFIX": self.cloud.prefix,
        }

    def _run(self, *command: str, env: dict[str, str]) -> Program:
        running = Program(*command, env=env, log=self.home / f"{command[-1]}.log")
        self._stack.callback(running.close)
        return running
