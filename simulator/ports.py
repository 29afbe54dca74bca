"""Free ports and servers as child processes that never outlive the process that wanted them."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

READY_WITHIN = 30.0
STOP_WITHIN = 5.0


def free_port() -> int:
    """Find a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class NotStarted(RuntimeError):
    """A server did not become ready; the message ends with the tail of its log."""


class Server:
    """A child process that writes one line to stdout when ready, and ends when stdin ends."""

    def __init__(self, process: subprocess.Popen[bytes], ready: str, log: Path) -> None:
        self.process = process
        self.ready = ready
        self.log = log

    @classmethod
    def start(cls, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> Self:
        """Start `python argv...` and wait for its ready line; its stderr goes to `log`."""
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=None if env is None else dict(env),
                start_new_session=True,
            )
        try:
            return cls(process, _first_line(process, log), log)
        except BaseException:
            _kill(process)
            raise

    def alive(self) -> bool:
        """Tell whether the process still runs."""
        return self.process.poll() is None

    def stop(self, *, within: float = STOP_WITHIN) -> None:
        """End the lifeline, wait, and kill what does not listen; already ended is a success."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            pass
        finally:
            _kill(self.process)


def watch_lifeline(on_end: Callable[[], None]) -> None:
    """Call `on_end` in a thread of its own when stdin ends, as it does when the parent dies."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        on_end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + READY_WITHIN
    readable, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
    line = process.stdout.readline().decode().strip() if readable else ""
    if not line:
        tail = log.read_text(errors="replace")[-2000:]
        raise NotStarted(f"{process.args!r} was not ready in {READY_WITHIN:.0f} s; log: {tail}")
    return line


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
