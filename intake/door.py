"""What the webhook endpoint needs of whatever stands behind it."""

from typing import Literal, Protocol

from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import Wire

Result = Literal[
    "started", "refused", "known", "over", "signalled", "unknown", "ignored", "spooled"
]


class Ack(Wire):
    """What was done about a delivery.

    started    the job has a workflow now
    refused    the same, but its label cannot be honoured: the workflow says why and ends
    known      the job had a workflow already
    over       the job's workflow, or the job itself, has ended before
    signalled  a workflow was told
    unknown    no open workflow has anything to do with the job
    ignored    nothing was to be done
    spooled    Temporal has not taken it yet: it is in the spool, and a worker will hand it over
    """

    result: Result
    job: int | None = None
    reason: str = ""


class Door(Protocol):
    """Hands over to Temporal; every method may be repeated. Raises Unavailable, Refused."""

    async def queued(self, job: JobQueued) -> Ack:
        """Give the job a workflow; one that it has, or has had, is left alone."""
        ...

    async def moved(self, moved: JobMoved) -> Ack:
        """Tell the workflows that care; there may be none."""
        ...

    async def ready(self) -> None:
        """Return if Temporal can be reached, or raise Unavailable with the reason."""
        ...
