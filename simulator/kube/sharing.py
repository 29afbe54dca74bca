"""One control plane for several processes: it starts for the first and ends with the last.

A keeper process holds it. Whoever uses it holds a connection to the keeper, which the operating
system hangs up however that process ends.
"""

import fcntl
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from simulator.kube import building
from simulator.kube.cluster import Cluster
from simulator.kube.controlplane import ControlPlane, Options

LOOPBACK = "127.0.0.1"
FIRST_WITHIN = 60.0
ANSWER_WITHIN = 30.0
READY = b"ready"


class NotShared(RuntimeError):
    """The keeper did not start; the message is the end of its log."""


@contextmanager
def shared(folder: Path) -> Iterator[Cluster]:
    """Use the control plane of this folder, together with all others that name it."""
    building.binary()
    with closing(_joined(folder)) as line:
        said = json.loads(line.makefile("rb").readline())
        home = Path(tempfile.mkdtemp(dir=folder))
        with Cluster(Path(said["kubeconfig"]), home=home, worlds=True) as cluster:
            yield cluster


def keep(folder: Path) -> int:
    """Be the keeper: returns in the process that was called, as soon as its child is ready."""
    hear, say = os.pipe()
    if os.fork():
        os.close(say)
        return 0 if os.read(hear, len(READY)) == READY else 1
    os.setsid()
    _detach(folder / "keeper.log")
    home = Path(tempfile.mkdtemp(dir=folder))
    with ControlPlane(home, Options()) as plane, socket.create_server((LOOPBACK, 0)) as listener:
        (folder / "keeper").write_text(str(listener.getsockname()[1]))
        os.write(say, READY)
        os.close(say)
        _hold(listener, json.dumps({"kubeconfig": str(plane.kubeconfig)}).encode() + b"\n")
    return 0


def _hold(listener: socket.socket, greeting: bytes) -> None:
    """Greet everybody who connects, until all have left."""
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        guests: set[socket.socket] = set()
        give_up = time.monotonic() + FIRST_WITHIN
        while guests or time.monotonic() < give_up:
            for key, _ in selector.select(1.0):
                if key.fileobj is listener:
                    guest = listener.accept()[0]
                    guest.sendall(greeting)
                    selector.register(guest, selectors.EVENT_READ)
                    guests.add(guest)
                elif isinstance(key.fileobj, socket.socket) and _left(key.fileobj):
                    selector.unregister(key.fileobj)
                    guests.discard(key.fileobj)
                    key.fileobj.close()
                    give_up = 0.0


def _left(guest: socket.socket) -> bool:
    try:
        return not guest.recv(1)
    except OSError:
        return True


def _joined(folder: Path) -> socket.socket:
    """Connect to the keeper, and start one if there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _greeted(folder)
        if found is None:
            _start(folder)
            found = _greeted(folder)
    if found is None:
        raise NotShared(f"nobody keeps {folder}")
    return found


def _greeted(folder: Path) -> socket.socket | None:
    """Connect, if somebody is there who speaks: a keeper that ends hangs up."""
    with suppress(OSError, ValueError):
        port = int((folder / "keeper").read_text())
        line = socket.create_connection((LOOPBACK, port), timeout=ANSWER_WITHIN)
        with suppress(OSError):
            if line.recv(1, socket.MSG_PEEK):
                return line
        line.close()
    return None


def _start(folder: Path) -> None:
    command = [sys.executable, "-m", "simulator.kube", "--share", str(folder)]
    started = subprocess.run(command, check=False, stdin=subprocess.DEVNULL)
    if started.returncode:
        log = folder / "keeper.log"
        tail = log.read_text(errors="replace")[-1000:] if log.exists() else ""
        raise NotShared(f"the control plane of {folder} did not start: {tail}")


def _detach(log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(output, number)
    os.close(output)
