"""What a job's people are told at GitHub when no runner comes: pure.

It stands on a commit that anybody may be able to read, so what names the fleet's own cloud is
masked.
"""

from typing import Literal

from runs_fleet import names, redaction
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobRequest, Scope, Wire

Way = Literal["check_run", "status"]
LONGEST_NAME = 100
TITLES = {
    "refused": "The label cannot be honoured",
    "gave_up": "No runner could be made",
}
ADVICE = {
    "refused": (
        "Mend the label in the workflow file and push, and cancel this job: nothing will run it. "
        "`runs-fleet labels explain '<label>'` tells what a label asks for."
    ),
    "gave_up": (
        "Cancel the job, and run it again once the reason is gone. If the label asks for something "
        "rare, ask for less: more instance families, a range of cpus. If the reason names a "
        "permission, a quota or a configuration, tell whoever runs this fleet."
    ),
}


class Notice(Wire):
    """What is told, and on which commit; the same `key` is told once.

    conclusion: failure (a push mends it), neutral (it is not the commit's fault, and a red mark
    would outlive the next try).
    """

    key: str
    scope: Scope
    head_sha: str
    name: str
    conclusion: Literal["failure", "neutral"]
    title: str
    reason: str
    text: str
    url: str = ""


class Told(Wire):
    """How it was told."""

    by: Way


def write(ledger: Ledger) -> Notice:
    """Say what became of a job for which there is no runner, why, and what to do about it."""
    request, state = ledger.request, ledger.over
    reason = redaction.public(ledger.reason)
    return Notice(
        key=names.lifecycle(request.job_id),
        scope=request.scope,
        head_sha=request.head_sha,
        # Checks of one name hide each other, and a commit has many jobs.
        name=f"{names.PREFIX}: {request.name or request.job_id}"[:LONGEST_NAME],
        conclusion="failure" if state == "refused" else "neutral",
        title=TITLES[state],
        reason=reason,
        text=_text(request, reason, advice=ADVICE[state]),
        url=request.url if request.url.startswith(("https://", "http://")) else "",
    )


def _text(request: JobRequest, reason: str, *, advice: str) -> str:
    job = " / ".join(part for part in (request.workflow, request.name) if part)
    facts = [
        f"- job: {_code(job or str(request.job_id))} ({request.job_id})",
        f"- label: {_code(request.label)}",
        f"- reason: {_code(reason)}",
    ]
    operators = f"Operators find more with `runs-fleet jobs show {request.job_id}`."
    return "\n".join([*facts, "", f"**What to do.** {advice}", "", operators])


def _code(text: str) -> str:
    """Quote: it stands in markdown, and others have written it."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
