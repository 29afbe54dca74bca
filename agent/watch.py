"""What the agent does about what it sees: pure, and told the time.

A busy runner is stopped only at its maximum runtime, or when the machine itself is told to go.
"""

import math
import signal
from dataclasses import dataclass

from agent.endings import Ending, ending
from agent.transcript import Completed, Listening, Running, Said, Symptom, Updating
from runs_fleet.models import ReportKind

# 7 only with ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE=1; the others are run.sh's own
# way to end on a signal, when RUNNER_MANUALLY_TRAP_SIG=1.
ENDINGS = {7: "outdated", 128 + signal.SIGINT: "interrupted", 128 + signal.SIGTERM: "interrupted"}
# Ends of a runner after which its machine is as it was before.
UNUSED = frozenset({"idle", "no_job", "registration_lost"})


@dataclass(frozen=True)
class Notice:
    """The cloud will take the machine soon."""

    detail: str


@dataclass(frozen=True)
class Terminated:
    """The agent was told to stop."""


@dataclass(frozen=True)
class Exited:
    """run.sh is over and all that it printed was heard."""

    code: int


Event = Said | Notice | Terminated | Exited


@dataclass(frozen=True)
class Say:
    """Send this report."""

    kind: ReportKind
    job: str = ""
    outcome: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Stop:
    """Ask the runner to end."""


@dataclass(frozen=True)
class Kill:
    """End the runner and all that it started."""


Step = Say | Stop | Kill


@dataclass(frozen=True)
class Limits:
    """Seconds: without a job, with one, from the job's end to the runner's, from stop to kill."""

    idle: float
    max_runtime: float
    wind_up: float
    stop_grace: float


class Watch:
    """One runner from its start to its end, as a list of steps for each thing that happens.

    A runner that came to a quiet end without a job was `unused`.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self.ended = self.unused = False
        self.ending = Ending.DONE
        self._limits = limits
        self._job = ""
        self._result = ""
        self._symptom = ""
        self._stopped_for = ""
        self._killed = False
        self._idle_at = now + limits.idle
        self._over_at = now + limits.max_runtime
        self._kill_at = math.inf

    def deadline(self) -> float:
        """When to call `time_passed` at the latest."""
        if self._stopped_for:
            return self._kill_at
        return min(self._idle_at, self._over_at)

    def happened(self, event: Event, now: float) -> list[Step]:
        """Learn of an event."""
        match event:
            case Notice(detail):
                # With a job, every second of the two minutes may be the one that finishes it.
                stop = [] if self._job else self._stop("interrupted", now)
                return [Say("interrupted", job=self._job, detail=detail), *stop]
            case Terminated():
                said = Say("interrupted", job=self._job, detail="the agent was told to stop")
                return [said, *self._stop("interrupted", now)]
            case Exited(code):
                return self._end(code)
            case _:
                return self._said(event, now)

    def time_passed(self, now: float) -> list[Step]:
        """Act on whatever limit has been reached."""
        if self.ended or now < self.deadline():
            return []
        if self._stopped_for:
            return self._kill(now)
        if now >= self._over_at:
            return self._stop("max_runtime", now)
        return self._stop("lingered" if self._result else "idle", now)

    def _said(self, said: Said, now: float) -> list[Step]:
        match said:
            case Running(job):
                self._job = job
                self._idle_at = math.inf
                # A runner may have listened for hours before.
                self._over_at = now + self._limits.max_runtime
                return [Say("started", job=job)]
            case Completed(result):
                self._result = result
                self._idle_at = now + self._limits.wind_up
            case Symptom(outcome):
                self._symptom = self._symptom or outcome
            case Listening() if self._result:
                # https://github.com/actions/runner/pull/4618: it would listen for ever.
                return self._stop("lingered", now)
            case Listening() | Updating() if not self._job:
                self._idle_at = now + self._limits.idle
        return []

    def _stop(self, why: str, now: float) -> list[Step]:
        if self._stopped_for:
            return []
        self._stopped_for = why
        self._kill_at = now + self._limits.stop_grace
        return [Stop()]

    def _kill(self, now: float) -> list[Step]:
        if self._killed:
            # Not even SIGKILL ended it in time: the machine's end will.
            steps = self._end(-signal.SIGKILL)
            self.unused = False
            return steps
        self._killed = True
        self._kill_at = now + self._limits.stop_grace
        return [Kill()]

    def _end(self, code: int) -> list[Step]:
        self.ended = True
        kind, outcome, detail = self._verdict(code)
        self.ending = ending(kind, outcome, detail)
        self.unused = kind == "finished" and outcome in UNUSED and not self._job
        return [Say(kind, job=self._job, outcome=outcome, detail=detail)]

    def _verdict(self, code: int) -> tuple[ReportKind, str, str]:
        """Tell how it ended; run.sh exits with 0 for almost everything."""
        if self._stopped_for == "max_runtime":
            return "finished", "max_runtime", self._result
        if self._result:
            return "finished", self._result, self._stopped_for
        if known := self._stopped_for or self._symptom or ENDINGS.get(code, ""):
            return "finished", known, ""
        if self._job:
            return "failed", "broken", f"ended with {code} in the middle of its job"
        return ("finished", "no_job", "") if code == 0 else ("failed", "broken", _death(code))


def _death(code: int) -> str:
    return f"run.sh died of signal {-code}" if code < 0 else f"run.sh ended with {code}"
