"""Whether a job has been run once more already: asked before it is asked for a second time."""

from collections.abc import Callable, Iterable

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict

from runs_fleet.github.api import GitHubApi
from runs_fleet.github.calls import Call, read
from runs_fleet.models import Scope

Pages = Callable[[Scope, Call], Iterable[httpx.Response]]


class _Job(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: int
    run_id: int
    run_attempt: int = 1
    name: str
    status: str
    started_at: AwareDatetime | None = None


class _Jobs(BaseModel):
    model_config = ConfigDict(extra="ignore")
    jobs: list[_Job]


def ran_again(api: GitHubApi, scope: Scope, job_id: int, *, pages: Pages) -> bool:
    """Tell whether a later attempt of the run has this job anew.

    A run's list of jobs is that of its latest attempt, where jobs that were not run again stand
    with the moment at which they had started. Where jobs of one name are among both it is not told
    apart, and said to be so only when all are anew: better once too often than never. https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run
    """
    call = Call("GET", "/repos/{repo}/actions/jobs/{job}", {"repo": scope.repo, "job": job_id})
    job = read(_Job, api.as_installation(scope, call), call)
    where: dict[str, str | int] = {"repo": scope.repo, "run": job.run_id}
    latest = Call("GET", "/repos/{repo}/actions/runs/{run}/jobs", where)
    found = [each for page in pages(scope, latest) for each in read(_Jobs, page, latest).jobs]
    later = [each for each in found if each.name == job.name and _is_later(each, job)]
    return bool(later) and all(_is_anew(each, job) for each in later)


def _is_later(other: _Job, job: _Job) -> bool:
    return other.id != job.id and other.run_attempt > job.run_attempt


def _is_anew(other: _Job, job: _Job) -> bool:
    return other.status != "completed" or other.started_at != job.started_at
