"""What GitHub says of one job; it only ever moves forwards."""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet.models import JobEvent, Phase

RESULTS = frozenset(
    {"Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned"}
)
ORDER: dict[Phase, int] = {"queued": 0, "in_progress": 1, "completed": 2}


@dataclass
class Demand:
    """What GitHub says of the job; it only ever moves forwards."""

    phase: Phase = "queued"
    conclusion: str | None = None
    runner: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None

    def fold(self, event: JobEvent) -> bool:
        """Take one event in; an older or repeated one moves nothing. True if it moved."""
        if event.phase == "in_progress":
            self.started_at = self.started_at or event.at
        if ORDER[event.phase] <= ORDER[self.phase]:
            return False
        self.phase = event.phase
        self.runner = event.runner_name or self.runner
        if event.phase == "completed":
            self.completed_at, self.conclusion = event.at, event.conclusion
        return True
