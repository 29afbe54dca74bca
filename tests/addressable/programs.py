"""Our programs as processes, told everything by their environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from simulator.processes import end

PATIENCE = 80.0


def program(name: str) -> str:
    """Find a console script of this installation."""
    return str(Path(sys.executable).with_name(name))


class Program:
    """One process and its log."""

    def __init__(self, *command: str, env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [program(command[0]), *command[1:]],
                env={"PATH": os.environ["PATH"], **env},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def said(self) -> str:
        """Read what it wrote so far."""
        return self.log.read_text()

    def until(self, condition: Callable[[], object], *, what: str) -> None:
        """Wait for something, as long as the process lives."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, f"ended before {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"no {what}:\n{self.said()}"
            time.sleep(0.02)

    def until_said(self, text: str) -> None:
        """Wait for a line of its log."""
        self.until(lambda: text in self.said(), what=text)

    def ended(self) -> int:
        """Wait for its end by itself."""
        return self.process.wait(PATIENCE)

    def stopped(self) -> tuple[int, float]:
        """Ask it to stop; tell its exit status, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE), time.monotonic() - began

    def close(self) -> None:
        """Let nothing be left."""
        end(self.process, grace=1)
