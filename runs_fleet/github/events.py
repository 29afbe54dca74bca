"""What GitHub's webhooks tell us, reduced to what is to be done; pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#workflow_job
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from runs_fleet import labels, names
from runs_fleet.labels import Refusal, Request
from runs_fleet.models import JobEvent, Scope

PHASES: dict[str, Literal["in_progress", "completed"]] = {
    "in_progress": "in_progress",
    "completed": "completed",
}
SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
EARLIEST = datetime(2008, 1, 1, tzinfo=UTC)


class BadPayload(ValueError):
    """The body is not what GitHub sends; `syntax` says that it is not even a JSON object."""

    def __init__(self, message: str, *, syntax: bool = False) -> None:
        super().__init__(message)
        self.syntax = syntax


@dataclass(frozen=True)
class JobQueued:
    """A job waits for a runner of ours; `asked` is what its label says."""

    job_id: int
    run_id: int
    run_attempt: int
    scope: Scope
    name: str
    workflow: str
    labels: tuple[str, ...]
    url: str
    queued_at: datetime
    delivered_at: datetime
    delivery: str
    asked: Request | Refusal
    head_sha: str = ""


@dataclass(frozen=True)
class JobMoved:
    """A job that concerns us has started or ended; `ours` means that its label is ours."""

    event: JobEvent
    ours: bool


@dataclass(frozen=True)
class Ignored:
    """Nothing to do; `reason` is a word to count by."""

    reason: str
    job_id: int | None = None


Decision = JobQueued | JobMoved | Ignored


def _utc(moment: datetime | None) -> datetime | None:
    """Take a time without zone as UTC, and Go's zero time as none at all."""
    if moment and moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment if moment and moment > EARLIEST else None


def _is_sha(text: object) -> bool:
    return isinstance(text, str) and SHA.fullmatch(text) is not None


def _shown(text: object) -> object:
    """Make what is only for people fit anywhere: short, and without control characters."""
    if not isinstance(text, str):
        return "" if text is None else text
    return "".join(sign if sign.isprintable() else " " for sign in text[:250])


_Id = Annotated[int, Field(strict=True, gt=0, lt=2**63)]
_When = Annotated[datetime | None, AfterValidator(_utc)]
_Shown = Annotated[str, BeforeValidator(_shown)]
# Only a whole name of a commit can be told anything.
_Sha = Annotated[str, BeforeValidator(lambda given: given if _is_sha(given) else "")]
_Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
_FullName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$")]
_Labels = Annotated[
    tuple[Annotated[str, Field(max_length=1000)], ...],
    Field(max_length=100),
    BeforeValidator(lambda given: () if given is None else given),
]


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore")


Payload = TypeVar("Payload", bound=_Tolerant)


class _Installation(_Tolerant):
    id: _Id


class _Organization(_Tolerant):
    login: _Login


class _Repository(_Tolerant):
    full_name: _FullName


class _Job(_Tolerant):
    """Fields of 2021-shaped payloads are enough."""

    id: _Id
    status: str | None = None
    conclusion: str | None = Field(default=None, max_length=100)
    labels: _Labels = ()
    name: _Shown = ""
    workflow_name: _Shown = ""
    html_url: _Shown = ""
    runner_name: str | None = None
    created_at: _When = None
    started_at: _When = None
    completed_at: _When = None


class _WaitingJob(_Job):
    run_id: _Id
    head_sha: _Sha = ""
    run_attempt: Annotated[int, BeforeValidator(lambda given: 1 if given is None else given)] = (
        Field(default=1, ge=1, lt=2**31)
    )


class _Moved(_Tolerant):
    workflow_job: _Job
    repository: _Repository | None = None


class _Queued(_Tolerant):
    workflow_job: _WaitingJob
    repository: _Repository
    organization: _Organization | None = None
    installation: _Installation | None = None


class _Envelope(_Tolerant):
    action: object = None


def action(body: bytes) -> str:
    """Read what has happened, for counting; `""` where the event has no action."""
    found = _valid(_Envelope, body).action
    return found if isinstance(found, str) else ""


def read(event: str, body: bytes, *, delivery: str, received_at: datetime) -> Decision:
    """Decide what one webhook asks for; `event` is its X-GitHub-Event. Raises BadPayload."""
    happened = action(body)
    if event == "ping":
        return Ignored(reason="ping")
    if event != "workflow_job":
        return Ignored(reason="unknown_event")
    if happened == "queued":
        return _queued(body, delivery=delivery, received_at=received_at)
    if happened in PHASES:
        return _moved(PHASES[happened], body, received_at=received_at)
    return Ignored(reason="waiting" if happened == "waiting" else "unknown_action")


def _queued(body: bytes, *, delivery: str, received_at: datetime) -> JobQueued | Ignored:
    job = _valid(_Moved, body).workflow_job
    asked = labels.parse(job.labels)
    if asked is None:
        return Ignored(reason="not_ours", job_id=job.id)
    if job.status not in (None, "queued"):
        # A job behind a deployment gate is "queued" with status "waiting", and comes again once
        # it is approved: https://docs.github.com/en/actions/reference/workflows-and-actions/deployments-and-environments
        return Ignored(reason="waiting" if job.status == "waiting" else "not_queued", job_id=job.id)
    return _waiting(_valid(_Queued, body), asked, delivery=delivery, received_at=received_at)


def _waiting(
    payload: _Queued, asked: Request | Refusal, *, delivery: str, received_at: datetime
) -> JobQueued:
    job = payload.workflow_job
    scope = Scope(
        repo=payload.repository.full_name,
        org=payload.organization and payload.organization.login,
        installation_id=payload.installation and payload.installation.id,
    )
    return JobQueued(
        job_id=job.id,
        run_id=job.run_id,
        run_attempt=job.run_attempt,
        scope=scope,
        name=job.name,
        workflow=job.workflow_name,
        labels=job.labels,
        url=job.html_url,
        queued_at=_past(job.created_at or job.started_at, received_at),
        delivered_at=received_at,
        delivery=delivery,
        asked=asked,
        head_sha=job.head_sha,
    )


def _moved(
    phase: Literal["in_progress", "completed"], body: bytes, *, received_at: datetime
) -> JobMoved | Ignored:
    """Tell of a job that carries our label, or that a runner of ours took."""
    payload = _valid(_Moved, body)
    job = payload.workflow_job
    ours = labels.parse(job.labels) is not None
    if not ours and names.owner(job.runner_name) is None:
        return Ignored(reason="not_ours", job_id=job.id)
    at = job.completed_at if phase == "completed" else job.started_at
    event = JobEvent(
        job_id=job.id,
        phase=phase,
        conclusion=job.conclusion,
        runner_name=(job.runner_name or "")[:250] or None,
        at=_past(at, received_at),
        repo=payload.repository.full_name if payload.repository else "",
    )
    return JobMoved(event=event, ours=ours)


def _past(moment: datetime | None, received_at: datetime) -> datetime:
    """Nothing happened later than we heard of it, whatever the clocks say."""
    return min(moment or received_at, received_at).astimezone(UTC)


def _valid(kind: type[Payload], body: bytes) -> Payload:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        first = faults[0]
        place = ".".join(str(step) for step in first["loc"])
        syntax = not place
        raise BadPayload(f"{place or 'body'}: {first['msg']}", syntax=syntax) from None
