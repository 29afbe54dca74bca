"""Builds the control plane's binary once, into a cache that all clones of this user share."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

SOURCE = Path(__file__).parent / "go"
INPUTS = ("go.mod", "go.sum", "main.go")
USUAL_GO = "/usr/local/go/bin/go"
PROGRESS_EVERY = 5.0
LOOK_EVERY = 0.1
VERSION = "k8s.io/component-base/version"
CLIENT_VERSION = "k8s.io/client-go/pkg/version"
TAIL = 400

Say = Callable[[str], None]


class NotBuilt(RuntimeError):
    """There is no control plane and none can be built; the message says how to cure it."""


def say(text: str) -> None:
    """Tell the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def binary(*, tell: Say = say) -> Path:
    """Find the control plane, or build it: some five minutes the first time on two cores."""
    target = cached()
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock"), tell):
            if not target.exists():
                _build(target, tell)
    return target


def cached() -> Path:
    """Name the place of the binary of exactly these sources."""
    content = b"\0".join((SOURCE / name).read_bytes() for name in INPUTS)
    digest = hashlib.sha256(content).hexdigest()[:16]
    folder = os.environ.get("RUNS_FLEET_KUBE_CACHE") or "~/.cache/runs-fleet"
    return Path(folder).expanduser() / f"controlplane-{digest}"


def release() -> str:
    """Tell which release of Kubernetes this is, like v1.36.2."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", _go_mod(), re.MULTILINE)
    assert found is not None
    return found[1]


def _build(target: Path, tell: Say) -> None:
    go = shutil.which("go") or shutil.which(USUAL_GO)
    if go is None:
        raise NotBuilt(f"no Kubernetes control plane: install Go {_go_line()} or later, {_retry()}")
    made = target.with_suffix(f".{os.getpid()}")
    log = target.with_suffix(".log")
    command = [go, "build", "-v", "-trimpath", "-ldflags", _flags(), "-o", str(made), "."]
    env = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=SOURCE, env=env, stderr=output, stdout=output)
            _await(process, log, tell)
        if process.returncode:
            raise NotBuilt(f"the Kubernetes control plane was not built: {_why(log)}")
        made.rename(target)
    finally:
        made.unlink(missing_ok=True)


def _await(process: subprocess.Popen[bytes], log: Path, tell: Say) -> None:
    began = time.monotonic()
    try:
        for seconds in _ticks(began, until=lambda: process.poll() is not None):
            packages = log.read_bytes().count(b"\n")
            tell(
                "building the Kubernetes control plane, once, about five minutes: "
                f"{seconds:.0f} s, {packages} packages"
            )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _ticks(began: float, *, until: Callable[[], bool]) -> Iterator[float]:
    """Yield the seconds so far, every few of them, until something is so."""
    due = began + PROGRESS_EVERY
    while not until():
        now = time.monotonic()
        if now >= due:
            due = now + PROGRESS_EVERY
            yield now - began
        time.sleep(LOOK_EVERY)


@contextmanager
def _locked(path: Path, tell: Say) -> Iterator[None]:
    with path.open("ab") as lock:
        for seconds in _ticks(time.monotonic(), until=lambda: _take(lock)):
            tell(f"another process builds the Kubernetes control plane: waiting {seconds:.0f} s")
        yield


def _take(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _flags() -> str:
    # Without these the server says that it is v0.0.0, which clients refuse.
    version = release()
    minor = version.split(".")[1]
    stamps = {
        f"{VERSION}.gitVersion": version,
        f"{VERSION}.gitMajor": "1",
        f"{VERSION}.gitMinor": minor,
        f"{CLIENT_VERSION}.gitVersion": version,
    }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


def _why(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = " / ".join(lines[-3:])[-TAIL:]
    return f"it needs Go {_go_line()} or later and a Go module proxy ({last}); {_retry()}"


def _retry() -> str:
    return "then run `python -m simulator.kube --build`"


def _go_line() -> str:
    found = re.search(r"^go (\S+)", _go_mod(), re.MULTILINE)
    assert found is not None
    return found[1]


def _go_mod() -> str:
    return (SOURCE / "go.mod").read_text()
