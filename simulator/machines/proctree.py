"""Process trees: who stands below whom, and how to end all of them."""

import ctypes
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
LINUX = sys.platform.startswith("linux")


def adopt_orphans() -> None:
    """Become the parent of every orphan below, so that nothing escapes by forking twice.

    https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def hear_of_parents_death(signum: signal.Signals) -> None:
    """Ask for a signal when the parent process dies; macOS has no such thing."""
    _prctl(PR_SET_PDEATHSIG, int(signum))


def descendants(root: int) -> list[int]:
    """List every process below `root`, parents first; zombies count until they are reaped."""
    found: list[int] = []
    waiting = [root]
    look = _children if LINUX else _listing()
    while waiting:
        children = list(look(waiting.pop()))
        found += children
        waiting += children
    return found


def kill_below(root: int) -> None:
    """End everything below `root`, which must be this process and adopt orphans, and reap it."""
    while victims := descendants(root):
        for pid in victims:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _reap_some()


def _reap_some() -> None:
    with suppress(ChildProcessError):
        os.waitpid(-1, 0)
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _prctl(option: int, value: int) -> None:
    if LINUX and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")


def _children(pid: int) -> Iterable[int]:
    # A child belongs to the thread that forked it.
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())


def _listing() -> Callable[[int], Iterable[int]]:
    rows = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    below: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows.stdout.splitlines():
        pid, parent = map(int, row.split())
        below[parent].append(pid)
    return lambda pid: below[pid]
