"""Ending everything that a process has started, in whatever process group it is."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
PASSES = 10


def send(pid: int, number: int) -> None:
    """Signal a process; one that is gone is a success.

    So is one of another user, as `sudo` in a job makes them: the machine's end takes those.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def end_session(leader: int) -> None:
    """Kill a session to the last; the leader may be dead, but must not have been reaped.

    Its process group would not do: run.sh puts the listener, and with it the job, into another.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for _ in range(PASSES):
        alive = list(members(leader))
        for pid in alive:
            send(pid, signal.SIGKILL)
        if not alive:
            return


def members(session: int) -> Iterator[int]:
    """List the session's living processes; where there is no /proc it seems empty."""
    for stat in PROC.glob("[0-9]*/stat"):
        # A process may end while it is looked at.
        with contextlib.suppress(OSError):
            # proc(5): pid (comm) state ppid pgrp session; comm may hold anything.
            state, _ppid, _pgrp, its = (
                stat.read_text(errors="replace").rpartition(")")[2].split()[:4]
            )
            if int(its) == session and state not in "ZX":
                yield int(stat.parent.name)
