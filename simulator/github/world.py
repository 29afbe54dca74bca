"""The fake GitHub as tests and the demo hold it: a process of its own, with typed levers."""

import contextlib
import json
import os
import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.github import plans
from simulator.github.books import Books
from simulator.processes import end

APP_ID = 1001
OK = 200
PATIENCE = 5


class LeverRefused(Exception):
    """The fake could not do what was asked: unknown id, wrong moment or bad plan."""


class GitHubWorld:
    """Starts the server with an app key of its own; leaving the context ends it.

    `base_path="/api/v3"` makes it a GitHub Enterprise Server. Its files are in `directory`.
    """

    def __init__(
        self, *, seed: int = 0, base_path: str = "", settings: plans.Settings | None = None,
        directory: Path | None = None, webhook_secrets: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._seed, self._base_path = seed, base_path
        self._settings = settings
        self._own = None if directory else tempfile.TemporaryDirectory(prefix="github-")
        self.directory = directory or Path(self._own.name if self._own else "")
        self.webhook_secrets = tuple(webhook_secrets) or (secrets.token_hex(20),)
        self.app_id = APP_ID
        self.key_file = self.directory / "app.private-key.pem"
        self.root = self.api_url = ""
        self.process: subprocess.Popen[bytes] | None = None
        # An empty trust store: loading the usual one takes longer than all that is asked here.
        self._client = httpx.Client(timeout=30, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> None:
        """Make a key, start the server, and wait until it says where it listens."""
        public = self._make_key()
        command = [
            sys.executable, "-m", "simulator.github", "--until-stdin-closes",
            "--public-key", str(public), "--app-id", str(self.app_id),
            "--seed", str(self._seed), "--base-path", self._base_path,
        ]  # fmt: skip
        environ = os.environ | {"SIMULATOR_WEBHOOK_SECRETS": ",".join(self.webhook_secrets)}
        with (self.directory / "github.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            raise ChildProcessError(f"no GitHub: see {self.directory / 'github.log'}")
        places = json.loads(said)
        self.root, self.api_url = places["root"], places["api"]
        if self._settings is not None:
            self.configure(self._settings)

    def stop(self) -> None:
        """End the server; ended already is fine."""
        self._client.close()
        if self.process is not None:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
            end(self.process)
            self.process = None
        if self._own is not None:
            self._own.cleanup()

    def env(self) -> dict[str, str]:
        """Name this GitHub to `runs-fleet`."""
        return {
            "RUNS_FLEET_GITHUB_API_URL": self.api_url,
            "RUNS_FLEET_GITHUB_APP_ID": str(self.app_id),
            "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": str(self.key_file),
            "RUNS_FLEET_WEBHOOK_SECRETS": ",".join(self.webhook_secrets),
        }

    def deliver_to(self, url: str) -> None:
        """Send webhooks there from here on; before, every delivery fails and is logged."""
        self._pull("deliver_to", plans.Receiver(url=url))

    def sign_with(self, *webhook_secrets: str) -> None:
        """Change the hook's secret; without any, deliveries are not signed."""
        self._pull("deliver_to", plans.Receiver(secrets=webhook_secrets))

    def create_run(self, plan: plans.RunPlan) -> plans.CreatedRun:
        """Push a commit, as it were: a run with its jobs comes to be."""
        return plans.CreatedRun.model_validate_json(self._pull("create_run", plan))

    def steal(self, labels: Sequence[str], *, repo: str, seconds: float = 0.2) -> int:
        """Create a job that the next idle runner with these labels is handed before any other.

        Its own `queued` webhook is lost, so nobody makes a runner for it.
        """
        thief = plans.JobPlan(
            name="thief", labels=tuple(labels), seconds=seconds, first=True, mute=True
        )
        return self.create_run(plans.RunPlan(repo=repo, workflow="thieves", jobs=(thief,))).jobs[0]

    def approve(self, job_id: int) -> None:
        """Let a waiting job pass its deployment gate."""
        self._pull("approve", plans.OneJob(job_id=job_id))

    def cancel_job(self, job_id: int) -> None:
        """Cancel one job."""
        self._pull("cancel_job", plans.OneJob(job_id=job_id))

    def cancel_run(self, run_id: int) -> None:
        """Cancel all jobs of a run."""
        self._pull("cancel_run", plans.OneRun(run_id=run_id))

    def rerun_job(self, job_id: int) -> plans.CreatedRun:
        """Run one job again; the answer names the jobs of the new attempt."""
        answer = self._pull("rerun_job", plans.OneJob(job_id=job_id))
        return plans.CreatedRun.model_validate_json(answer)

    def pin(self, job_id: int, *, runner: str) -> None:
        """Hand this queued job to that runner and no other, whatever their labels."""
        self._pull("pin", plans.JobOnRunner(job_id=job_id, runner=runner))

    def take(self, job_id: int, *, runner: str) -> None:
        """Let somebody else's runner, unknown to us, do this queued job."""
        self._pull("take", plans.JobOnRunner(job_id=job_id, runner=runner))

    def remove_runner(self, runner: str) -> None:
        """Drop a registration, as GitHub does with idle JIT runners."""
        self._pull("remove_runner", plans.OneRunner(runner=runner))

    def kill_runner(self, runner: str) -> None:
        """Never hear from this runner again, as if its machine had lost its network."""
        self._pull("kill_runner", plans.OneRunner(runner=runner))

    def redeliver(self, delivery_id: int) -> None:
        """Send one delivery again, under its GUID."""
        self._pull("redeliver", plans.OneDelivery(delivery_id=delivery_id))

    def send(self, event: str, payload: dict[str, Any], *, action: str | None = None) -> None:
        """Deliver any webhook event, valid or not."""
        self._pull("send", plans.RawEvent(event=event, payload=payload, action=action))

    def chaos(self, chaos: plans.Chaos) -> None:
        """Trouble the webhooks to come."""
        self._pull("chaos", chaos)

    def configure(self, settings: plans.Settings) -> None:
        """Change how patient and how generous this GitHub is."""
        self._pull("configure", settings)

    def fault(self, fault: plans.Fault) -> None:
        """Trouble the next matching REST calls."""
        self._pull("fault", fault)

    def clear_faults(self) -> None:
        """Forget faults that no call has met."""
        self._pull("clear_faults", plans.Nothing())

    def drain(self, drain: plans.Drain) -> None:
        """Leave little of an hour's budget."""
        self._pull("drain", drain)

    def revoke_tokens(self) -> None:
        """Make all installation tokens worthless."""
        self._pull("revoke_tokens", plans.Nothing())

    def install(self, repo: str, *, org: bool = True) -> None:
        """Install the app at a repository's owner; creating a run does it too."""
        self._pull("install", plans.Installation(repo=repo, org=org))

    def uninstall(self, owner: str) -> None:
        """Take the app away from an owner."""
        self._pull("uninstall", plans.Owner(owner=owner))

    def group(self, name: str) -> None:
        """Add a runner group; the first gets id 3."""
        self._pull("group", plans.Group(name=name))

    def books(self, *, deliveries: bool = True) -> Books:
        """Read everything that happened."""
        query = {} if deliveries else {"deliveries": "0"}
        return Books.model_validate_json(self._read("books", query))

    def progress(self) -> plans.Progress:
        """Read the counts of what goes on."""
        return plans.Progress.model_validate_json(self._read("progress", {}))

    def violations(self) -> tuple[str, ...]:
        """Read what did not fit GitHub's own description: nothing, unless the fake is wrong."""
        return self.progress().violations

    def minted(self) -> plans.Secrets:
        """Read the secrets that were minted, to look for them where they must not be."""
        return plans.Secrets.model_validate_json(self._read("secrets", {}))

    def until(
        self, holds: Callable[[Books], bool], *, patience: float = 30, what: str = "it"
    ) -> Books:
        """Read the books until something holds. Raises TimeoutError."""
        deadline = time.monotonic() + patience
        while not holds(books := self.books()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"GitHub has not seen {what} within {patience:g} s")
            time.sleep(0.05)
        return books

    def _pull(self, lever: str, plan: plans.Plan) -> bytes:
        reply = self._client.post(f"{self.root}/_admin/{lever}", content=plan.model_dump_json())
        if reply.status_code != OK:
            raise LeverRefused(f"{lever}: {reply.json()['message']}")
        return reply.content

    def _read(self, page: str, query: dict[str, str]) -> bytes:
        reply = self._client.get(f"{self.root}/_admin/{page}", params=query)
        return reply.raise_for_status().content

    def _make_key(self) -> Path:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self.directory / "app.public-key.pem"
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        self.key_file.touch(mode=0o600)
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return public
