"""From a queued job to its lifecycle's input, and to the words that show it; pure."""

from collections.abc import Collection
from dataclasses import dataclass, field

from runs_fleet import claiming, labels, story
from runs_fleet.github.events import JobQueued
from runs_fleet.labels import Refusal
from runs_fleet.models import JobRequest, Mode, Policy

# https://docs.temporal.io/ui shows both on a workflow's page; the server takes at most 400 bytes
# of summary, and a character may need two in JSON.
LONGEST_SUMMARY = 190


@dataclass(frozen=True)
class Routing:
    """Which jobs go to which backend, and how patient their lifecycles are."""

    mode: Mode = "ec2"
    backends: Collection[Mode] = frozenset({"ec2"})
    policy: Policy = field(default_factory=Policy)

    def request(self, job: JobQueued) -> JobRequest:
        """Write the input of a job's lifecycle; a refusal is an input as well."""
        asked = labels.allow(job.asked, self.backends)
        spec, refusal = (None, asked.message) if isinstance(asked, Refusal) else (asked.spec, None)
        request = JobRequest(
            one_call=True,
            sparing=True,
            job_id=job.job_id,
            run_id=job.run_id,
            run_attempt=job.run_attempt,
            scope=job.scope,
            name=job.name,
            workflow=job.workflow,
            head_sha=job.head_sha,
            labels=job.labels,
            label=asked.label,
            spec=spec,
            refusal=refusal,
            url=job.url,
            queued_at=job.queued_at,
            delivered_at=job.delivered_at,
            delivery=job.delivery,
            mode=(spec and spec.backend) or self.mode,
            policy=self.policy,
        )
        return request.model_copy(update={"claimed": claiming.sent_for(request)})


def summary(request: JobRequest) -> str:
    """Tell one job from all others in a line of a list."""
    job = " / ".join(part for part in (request.workflow, request.name) if part)
    line = " · ".join(part for part in (request.scope.repo, job, _wants(request)) if part)
    return line.encode()[:LONGEST_SUMMARY].decode(errors="ignore")


def details(request: JobRequest) -> str:
    """Introduce a job on its own page, in markdown."""
    lines = [
        f"- job: {_link(request)}, attempt {request.run_attempt} of run {request.run_id}",
        f"- label: {_code(request.label)}",
    ]
    lines += [f"- refused: {_code(request.refusal)}"] if request.refusal else []
    lines += [f"- asked for: {story.asked(request.spec)}"] if request.spec else []
    return "\n".join([*lines, f"- delivery: {_code(request.delivery)}"])


def _wants(request: JobRequest) -> str:
    if request.spec is None:
        return "refused"
    return f"pool {request.spec.pool}" if request.spec.pool else story.asked(request.spec)


def _link(request: JobRequest) -> str:
    title = "".join(sign for sign in request.name if sign not in "[]`<>") or str(request.job_id)
    web = request.url.startswith(("https://", "http://")) and not set(request.url) & set("()<> ")
    return f"[{title}]({request.url})" if web else title


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`"
