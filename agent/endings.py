"""How an agent's life can end: in a pod, the exit code that the Job's controller sees."""

import signal
from enum import IntEnum

from runs_fleet.models import ReportKind


class Ending(IntEnum):
    """What became of the runner. What became of its job GitHub tells, and the last report."""

    # The runner came to its own end or to one of its limits, with a job or without.
    DONE = 0
    # The machine could not be ended; an agent that crashes ends like this, too.
    STUCK = 1
    BAD_SETTINGS = 2
    # None came in time, or it cannot be read.
    NO_CONFIG = 3
    # run.sh could not be started or died.
    BROKEN = 4
    # Told to stop before the job was over: what a shell says of a program ended by SIGTERM.
    INTERRUPTED = 128 + signal.SIGTERM


def ending(kind: ReportKind, outcome: str, detail: str) -> Ending:
    """Read a runner's last report; pure."""
    if kind == "failed":
        return Ending.BROKEN
    # The listener cancels the job when it is stopped in the middle of it.
    cut_off = outcome == "Canceled" and detail == "interrupted"
    return Ending.INTERRUPTED if outcome == "interrupted" or cut_off else Ending.DONE
