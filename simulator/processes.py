"""Child processes that never outlive the world that started them."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Make the kernel kill this process when its parent ends, however that ends (Linux)."""
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, patience: float = 120) -> None:
    """Wait until a server on the loopback accepts connections; say so if it died instead."""
    deadline = time.monotonic() + patience
    while True:
        if process.poll() is not None:
            raise ChildProcessError(f"{process.args!r} ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing listens on port {port} after {patience:g} s")
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], *, grace: float = 10) -> None:
    """Ask a process to end, and kill it when it does not."""
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class LocalServer(ABC):
    """A server that is a child process; leaving the context ends it."""

    process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start, and wait until it serves."""

    def kill(self) -> None:
        """Kill the server without a word."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """End the server; ended already is fine."""
        if self.process is not None:
            end(self.process)
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
