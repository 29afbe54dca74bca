"""Events as they lie in the spool; pure."""

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from runs_fleet import labels
from runs_fleet.github.events import JobMoved, JobQueued
from runs_fleet.models import JobEvent, Scope, Wire
from runs_fleet.ports import Letter

Event = JobQueued | JobMoved
# Ten of them fit into one request: 256 KiB in the SQS of old, more by now.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MOST_BYTES = 24 * 1024


class Unreadable(ValueError):
    """The text is no event of ours."""


class TooLarge(ValueError):
    """The event does not fit into the spool."""


class _Queued(Wire):
    """What a label asks for is left out: whoever reads it parses it."""

    kind: Literal["queued"] = "queued"
    job_id: int
    run_id: int
    run_attempt: int = 1
    scope: Scope
    name: str = ""
    workflow: str = ""
    labels: tuple[str, ...]
    url: str = ""
    queued_at: datetime
    delivered_at: datetime
    delivery: str = ""
    head_sha: str = ""


class _Moved(Wire):
    kind: Literal["moved"] = "moved"
    event: JobEvent
    ours: bool


_Spooled = Annotated[_Queued | _Moved, Field(discriminator="kind")]
_READER = TypeAdapter[_Queued | _Moved](_Spooled)


def job_of(event: Event) -> int:
    """Tell which job an event is about."""
    return event.job_id if isinstance(event, JobQueued) else event.event.job_id


def sealed(event: Event) -> Letter:
    """Write an event down; a repeat of it has the same key. Raises TooLarge."""
    content = _queued(event) if isinstance(event, JobQueued) else _moved(event)
    body = content.model_dump_json()
    if len(body.encode()) > MOST_BYTES:
        raise TooLarge(f"an event of {len(body)} characters")
    job = job_of(event)
    phase = "queued" if isinstance(event, JobQueued) else event.event.phase
    return Letter(body=body, group=str(job), key=f"{job}:{phase}")


def opened(body: str) -> Event:
    """Read an event back. Raises Unreadable."""
    try:
        content = _READER.validate_json(body)
    except ValidationError as error:
        raise Unreadable(str(error.errors(include_input=False, include_url=False)[0])) from None
    if isinstance(content, _Moved):
        return JobMoved(event=content.event, ours=content.ours)
    asked = labels.parse(content.labels)
    if asked is None:
        raise Unreadable(f"job {content.job_id} carries no label of ours")
    return JobQueued(
        **content.model_dump(exclude={"kind", "scope"}), scope=content.scope, asked=asked
    )


def _queued(job: JobQueued) -> _Queued:
    return _Queued.model_validate({each.name: getattr(job, each.name) for each in fields(job)})


def _moved(moved: JobMoved) -> _Moved:
    return _Moved(event=moved.event, ours=moved.ours)
