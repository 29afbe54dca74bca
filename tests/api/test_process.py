"""The API as a process: up before Temporal is, and gone when told so."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from api.delivery import signed
from simulator.ports import free_port
from simulator.processes import end
from simulator.temporal import TemporalServer
from tests.api.conftest import NEWEST, OLDER, example

PATIENCE = 80.0
BODY = json.dumps(example("01-queued")).encode()
HEADERS = {"x-github-event": "workflow_job", "x-hub-signature-256": signed(BODY, NEWEST.encode())}


class ApiProcess:
    """`python -m api` on a free port."""

    def __init__(self, temporal: str, log: Path) -> None:
        self.log, port = log, free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}")
        self._file = log.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api"],
            stderr=self._file,
            env={
                "PATH": os.environ["PATH"],
                "RUNS_FLEET_HOST": "127.0.0.1",
                "RUNS_FLEET_PORT": str(port),
                "RUNS_FLEET_WEBHOOK_SECRETS": f"{NEWEST},{OLDER}",
                "TEMPORAL_ADDRESS": temporal,
            },
        )

    def status(self, path: str) -> int:
        """Ask a probe; 0 while nobody answers."""
        try:
            return self.http.get(path).status_code
        except httpx.TransportError:
            return 0

    def logged(self, event: str) -> bool:
        """Tell whether an event is in the log."""
        return event in self.log.read_text()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, as long as the process lives."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def close(self) -> None:
        """Let nothing be left."""
        end(self.process)
        self.http.close()
        self._file.close()


@pytest.fixture
def server() -> Iterator[TemporalServer]:
    """A Temporal server that has an address, but is not started yet."""
    temporal = TemporalServer()
    yield temporal
    temporal.stop()


@pytest.fixture
def process(server: TemporalServer, tmp_path: Path) -> Iterator[ApiProcess]:
    running = ApiProcess(server.address, tmp_path / "log")
    yield running
    running.close()


def test_it_waits_for_temporal_serves_and_ends_on_sigterm(
    process: ApiProcess, server: TemporalServer
) -> None:
    process.until(lambda: process.status("/health") == 200)
    process.until(lambda: process.logged("waiting for temporal"))
    assert server.address in process.log.read_text()
    assert process.status("/ready") == 503
    assert process.http.post("/webhook", content=BODY, headers=HEADERS).status_code == 503

    server.start()
    process.until(lambda: process.status("/ready") == 200)
    first = process.http.post("/webhook", content=BODY, headers=HEADERS)
    again = process.http.post("/webhook", content=BODY, headers=HEADERS)
    assert (first.json()["result"], again.json()["result"]) == ("started", "known")

    server.stop()
    assert process.status("/ready") == 503
    assert process.status("/health") == 200

    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(PATIENCE) == 0
    assert NEWEST not in process.log.read_text()


def test_sigterm_ends_it_while_temporal_is_missing(process: ApiProcess) -> None:
    process.until(lambda: process.logged("waiting for temporal"))
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "RUNS_FLEET_WEBHOOK_SECRETS: missing"),
        ({"RUNS_FLEET_PROT": "1"}, "did you mean RUNS_FLEET_PORT?"),
        (
            {"RUNS_FLEET_WEBHOOK_SECRETS": NEWEST, "TEMPORAL_CONFIG_FILE": __file__},
            "the Temporal settings cannot be read",
        ),
    ],
)
def test_wrong_settings_end_it_with_a_line_not_a_traceback(
    environ: dict[str, str], said: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
