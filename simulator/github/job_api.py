"""REST: workflow runs and jobs, their re-runs and ends."""

from simulator.github.entities import Job, Run
from simulator.github.hub import Conflict
from simulator.github.paging import paged
from simulator.github.pipeline import NOT_FOUND, Call, Failure, Reply
from simulator.github.service import GitHubService


def runs(service: GitHubService, call: Call) -> Reply:
    """List the runs of a repository, newest first; `status` filters."""
    own(service, call)
    wanted = call.query.get("status")
    found = [
        run
        for run in reversed(service.hub.runs.runs.values())
        if run.repo.lower() == call.repo.lower() and wanted in (None, run.status, run.conclusion)
    ]
    return paged(call, found, key="workflow_runs", write=lambda run: _run_body(service, run))


def run(service: GitHubService, call: Call) -> Reply:
    """Show one run."""
    return Reply(body=_run_body(service, _run(service, call)))


def jobs(service: GitHubService, call: Call) -> Reply:
    """List the jobs of a run: of its newest attempt, of a given one, or of all."""
    found = _run(service, call)
    attempt = call.number("attempt_number") if "attempt_number" in call.params else found.attempt
    chosen = found.attempts.get(attempt)
    if chosen is None:
        raise NOT_FOUND
    if call.query.get("filter") == "all":
        chosen = [job for attempt_jobs in found.attempts.values() for job in attempt_jobs]
    return paged(call, chosen, key="jobs", write=service.bodies.job)


def job(service: GitHubService, call: Call) -> Reply:
    """Show one job."""
    return Reply(body=service.bodies.job(_job(service, call)))


def rerun_job(service: GitHubService, call: Call) -> Reply:
    """Run one job again."""
    found = _job(service, call)
    newest = [other for other in found.run.jobs if other.plan is found.plan]
    return _rerun(service, found.run, newest)


def rerun_run(service: GitHubService, call: Call) -> Reply:
    """Run everything again."""
    found = _run(service, call)
    return _rerun(service, found, found.jobs)


def rerun_failed(service: GitHubService, call: Call) -> Reply:
    """Run again what did not succeed."""
    found = _run(service, call)
    return _rerun(service, found, [job for job in found.jobs if job.conclusion != "success"])


def cancel(service: GitHubService, call: Call) -> Reply:
    """Cancel every job of a run."""
    found = _run(service, call)
    if found.over:
        raise Failure(409, "Cannot cancel a workflow run that is completed.")
    for open_job in [job for job in found.jobs if job.status != "completed"]:
        service.hub.cancel(open_job)
    return Reply(202, {})


def _rerun(service: GitHubService, found: Run, chosen: list[Job]) -> Reply:
    try:
        service.hub.rerun(found, chosen)
    except Conflict as conflict:
        raise Failure(403, str(conflict)) from None
    return Reply(201, {})


def _run_body(service: GitHubService, found: Run) -> dict[str, object]:
    repository = service.bodies.repository(found.repo, org=found.plan.org)
    shown = {"repository": repository, "head_repository": repository}
    return service.bodies.run(found) | shown


def own(service: GitHubService, call: Call) -> None:
    """Raise Failure unless the token's owner has this repository."""
    account = service.apps.repos.get(call.repo.lower())
    if account is None or call.token is None or account != call.token.account:
        raise NOT_FOUND


def _run(service: GitHubService, call: Call) -> Run:
    own(service, call)
    found = service.hub.runs.runs.get(call.number("run_id"))
    if found is None or found.repo.lower() != call.repo.lower():
        raise NOT_FOUND
    return found


def _job(service: GitHubService, call: Call) -> Job:
    own(service, call)
    found = service.hub.runs.jobs.get(call.number("job_id"))
    if found is None or found.run.repo.lower() != call.repo.lower():
        raise NOT_FOUND
    return found
