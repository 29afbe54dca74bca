"""A runner's pod without a cluster: its mounts, its environment, its agent, and a real Valkey."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis.exceptions import RedisError

from runs_fleet.models import RunnerReport
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s.files import to_secret
from runs_fleet.queues import valkey_users
from runs_fleet.queues.valkey import REPORTS, connect
from runs_fleet.reports import opened
from simulator.valkey import ValkeyServer
from tests.agent import scripts
from tests.agent.fakes import PATIENCE, RUNNER, SECRET, runner_config

PASSWORD = "runners-password"
WORKERS_PASSWORD = "workers-password"
GATES = ("start", "finish")


class Valkey:
    """The report stream of a fleet, as its worker sees it."""

    def __init__(self, home: Path) -> None:
        users = (
            valkey_users.NOBODY,
            valkey_users.fleet("worker", WORKERS_PASSWORD),
            valkey_users.runner("runner", PASSWORD),
        )
        self.server = ValkeyServer(home, persistent=True, users=users)

    @property
    def address(self) -> str:
        """What a runner is told; the password of its user is in it."""
        place = f"127.0.0.1:{self.server.port}/0"
        return f"redis://runner:{PASSWORD}@{place}?stream={REPORTS}"

    def reports(self) -> list[RunnerReport]:
        client: Any = connect(self.server.url, username="worker", password=WORKERS_PASSWORD)
        try:
            entries = client.xrange(REPORTS)
        finally:
            client.close()
        return [opened(fields["body"], secret=SECRET) for _, fields in entries]

    def story(self) -> list[str]:
        """Tell what was reported; a report whose answer was late is sent again."""
        said = (f"{report.kind} {report.outcome}".strip() for report in self.reports())
        return list(dict.fromkeys(said))

    def wait_for(self, kind: str) -> None:
        """Return as soon as there is a report of this kind."""
        until(lambda: kind in [report.kind for report in self.reports()], kind)


class Pod:
    """One pod of a Job; leaving the context kills what is left of it."""

    def __init__(self, home: Path, valkey: Valkey) -> None:
        self.runner_dir, self.secrets = home / "runner", home / "secrets"
        self._config, self._log = home / "config", home / "agent.log"
        for directory in (self.runner_dir, self.secrets, self._config):
            directory.mkdir()
        (self._config / "repo").write_text("acme/shop")
        for gate in GATES:
            os.mkfifo(self.runner_dir / gate)
        self._valkey = valkey
        self.environ = {
            "PATH": os.environ["PATH"],
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            "RUNS_FLEET_MODE": "k8s",
            "RUNS_FLEET_POD_NAME": f"{RUNNER}-x7k2p",
            "RUNS_FLEET_MACHINE_ID": RUNNER,
            "RUNS_FLEET_RUNNER_DIR": str(self.runner_dir),
            "RUNS_FLEET_K8S_CONFIG_DIR": str(self._config),
            "RUNS_FLEET_K8S_SECRETS_DIR": str(self.secrets),
            "RUNS_FLEET_LOG_LEVEL": "DEBUG",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def config(self) -> RunnerConfig:
        return replace(runner_config(), reports=self._valkey.address)

    def install(self, body: str) -> None:
        scripts.install(self.runner_dir, body)

    def mount(self, **changed: bytes) -> None:
        """Lay the Secret's files out."""
        files = {name: text.encode() for name, text in to_secret(self.config()).items()}
        for name, content in (files | changed).items():
            (self.secrets / name).write_bytes(content)

    def start(self, *command: str) -> None:
        """Start the agent, or what Python is told instead."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *(command or ("-m", "agent"))], env=self.environ, stderr=log
            )

    def let_past(self, gate: str) -> None:
        """Let a runner pass that waits at this gate; it opens once."""
        (self.runner_dir / gate).write_text("on\n")

    def terminate(self) -> None:
        """Tell it to go, as a kubelet does."""
        assert self._process
        self._process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        assert self._process
        return self._process.wait(PATIENCE)

    def lives(self) -> int:
        """Live a whole life with a config that is there from the start; tell the exit code."""
        self.mount()
        self.start()
        return self.exit_code()

    def log(self) -> str:
        return self._log.read_text()

    def wait_for_log(self, text: str) -> None:
        until(lambda: text in self.log(), text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


def until(seen: Callable[[], bool], what: str) -> None:
    """Return as soon as it is seen; a server that is away shows nothing."""
    give_up = time.monotonic() + PATIENCE
    while not _holds(seen):
        assert time.monotonic() < give_up, f"never seen: {what}"
        time.sleep(0.02)


def _holds(seen: Callable[[], bool]) -> bool:
    try:
        return seen()
    except RedisError:
        return False
