"""REST: what apps say on commits, check runs and statuses."""

from simulator.github.bodies import Json, sha, utc
from simulator.github.books import NoticeRecord
from simulator.github.job_api import own
from simulator.github.paging import paged
from simulator.github.pipeline import Call, Failure, Reply
from simulator.github.service import GitHubService

CONCLUSIONS = (
    "action_required", "cancelled", "failure", "neutral", "skipped", "stale", "success", "timed_out"
)  # fmt: skip
STATES = ("error", "failure", "pending", "success")
LONGEST_DESCRIPTION = 140


def check_runs(service: GitHubService, call: Call) -> Reply:
    """List the check runs of a commit; all of our own app."""
    own(service, call)
    name = call.query.get("check_name")
    found = [
        each
        for each in service.notices
        if each.kind == "check_run"
        and (each.repo.lower(), each.sha) == (call.repo.lower(), call.params["ref"])
        and name in (None, each.name)
    ]
    return paged(call, found, key="check_runs", write=lambda each: _body(service, each))


def check_run(service: GitHubService, call: Call) -> Reply:
    """Create a check run; one more of the same external id is one more."""
    body = call.body
    for key in ("name", "head_sha"):
        if key not in body:
            raise _invalid(f'"{key}" wasn\'t supplied.')
    if body.get("conclusion") not in (None, *CONCLUSIONS):
        raise _invalid(f"{body['conclusion']} is not a member of {list(CONCLUSIONS)}.")
    output = body.get("output") or {}
    if output and not (output.get("title") and output.get("summary")):
        raise _invalid("Output needs a title and a summary.")
    made = _note(
        service, call, sha=str(body["head_sha"]), kind="check_run",
        name=body["name"], external_id=body.get("external_id", ""),
        conclusion=body.get("conclusion") or "", title=output.get("title", ""),
        text=output.get("summary", ""), url=body.get("details_url", ""),
    )  # fmt: skip
    return Reply(201, _body(service, made))


def status(service: GitHubService, call: Call) -> Reply:
    """Set a commit status."""
    body = call.body
    state, text = body.get("state"), body.get("description") or ""
    if state not in STATES or len(text) > LONGEST_DESCRIPTION:
        raise Failure(422, "Validation Failed")
    made = _note(
        service, call, sha=call.params["sha"], kind="status", name=body.get("context", "default"),
        conclusion=state, text=text, url=body.get("target_url") or "",
    )  # fmt: skip
    return Reply(201, {"id": made.id, "context": made.name, "state": state, "description": text})


def _note(service: GitHubService, call: Call, *, sha: str, **facts: object) -> NoticeRecord:
    own(service, call)
    if sha not in _commits(service, call.repo):
        raise Failure(422, f"No commit found for SHA: {sha}")
    made = NoticeRecord.model_validate(
        {"id": service.hub.registry.next_id(), "repo": call.repo, "sha": sha, **facts}
    )
    service.notices.append(made)
    return made


def _commits(service: GitHubService, repo: str) -> set[str]:
    runs = service.hub.runs.runs.values()
    return {sha(run) for run in runs if run.repo.lower() == repo.lower()}


def _body(service: GitHubService, made: NoticeRecord) -> Json:
    now = utc(service.clock())
    return {
        "id": made.id,
        "name": made.name,
        "head_sha": made.sha,
        "external_id": made.external_id,
        "details_url": made.url,
        "status": "completed" if made.conclusion else "queued",
        "conclusion": made.conclusion or None,
        "started_at": now,
        "completed_at": now if made.conclusion else None,
        "output": {"title": made.title, "summary": made.text},
    }


def _invalid(text: str) -> Failure:
    return Failure(422, f"Invalid request.\n\n{text}")
