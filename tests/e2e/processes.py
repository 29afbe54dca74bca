"""What runs on this machine, found by a mark that a world leaves on everything it starts."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

PROC = Path("/proc")
LOOK = 0.02
PATIENCE = 80


def marked(mark: str) -> list[str]:
    """List the processes whose environment, arguments or directory contain a mark."""
    others = (entry for entry in PROC.iterdir() if entry.name.isdigit())
    found = ((entry, _seen(entry)) for entry in others if int(entry.name) != os.getpid())
    return [f"{entry.name}: {seen[:200]}" for entry, seen in found if mark in seen]


def arguments() -> set[str]:
    """Read the arguments of every process."""
    return {_text(entry / "cmdline") for entry in PROC.iterdir() if entry.name.isdigit()}


@contextmanager
def watched_arguments() -> Iterator[set[str]]:
    """Collect the arguments of all processes that show while the block runs."""
    seen, over = set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            seen.update(arguments())

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


def wait_until_ready(port: int, api: subprocess.Popen[bytes]) -> None:
    """Wait until an API takes deliveries."""
    deadline = time.monotonic() + PATIENCE
    while not _ready(port):
        assert api.poll() is None, f"the API ended with status {api.returncode}"
        assert time.monotonic() < deadline, "the API was never ready"
        time.sleep(LOOK)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def _seen(entry: Path) -> str:
    place = ""
    with suppress(OSError):
        place = os.readlink(entry / "cwd")
    return "\n".join([_text(entry / "cmdline"), place, _text(entry / "environ")])


def _text(path: Path) -> str:
    # Processes end while one looks.
    with suppress(OSError):
        return path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""
