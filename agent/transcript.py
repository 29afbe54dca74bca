"""What run.sh prints, read as events; pure.

The strings are fixed in the source of actions/runner (Runner.cs, JobDispatcher.cs and
BrokerMessageListener.cs); times are .NET's "u" format in UTC.
"""

import re
from dataclasses import dataclass

SPOKEN = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ: "
    r"(?:(?P<listening>Listening for Jobs)"
    r"|Running job: (?P<job>.+)"
    r"|Job .+ completed with result: (?P<result>\w+))"
)
SYMPTOMS = {
    "no longer exists on the server": "registration_lost",
    "registration has been deleted": "registration_lost",
    "Session Conflict": "conflict",
}
UPDATING = ("Runner update in progress", "because of updating", "Restarting runner...")


@dataclass(frozen=True)
class Listening:
    """The runner is connected and waits for its job."""


@dataclass(frozen=True)
class Running:
    """The runner took a job."""

    job: str


@dataclass(frozen=True)
class Completed:
    """The job ended; the result is one of GitHub's words."""

    result: str


@dataclass(frozen=True)
class Symptom:
    """Why the runner is about to end without a job."""

    outcome: str


@dataclass(frozen=True)
class Updating:
    """The runner replaces itself and will listen again: not an end, not a hang."""


Said = Listening | Running | Completed | Symptom | Updating


def parse(line: str) -> Said | None:
    """Read one line, or None when it tells nothing we act upon."""
    if match := SPOKEN.fullmatch(line):
        return _spoken(match)
    for text, outcome in SYMPTOMS.items():
        if text in line:
            return Symptom(outcome)
    return Updating() if any(text in line for text in UPDATING) else None


def _spoken(match: re.Match[str]) -> Said:
    if match["job"]:
        return Running(match["job"])
    return Completed(match["result"]) if match["result"] else Listening()
