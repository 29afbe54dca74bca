"""GitHub as a sweep needs it: lists, redeliveries, and the last place in the queue for calls."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError

from runs_fleet import labels
from runs_fleet.census import WaitingJob
from runs_fleet.errors import NotThere, RateLimited, Refused, Unavailable
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.calls import Call, read
from runs_fleet.github.client import PER_PAGE, GitHubClient
from runs_fleet.github.single_flight import SingleFlight
from runs_fleet.hooks import Delivery, DeliveryPage, Hook
from runs_fleet.models import Registration, Scope

# Registering runners and concluding jobs come first; what is below this share is theirs.
FLOOR = 0.2
REMEMBERED = 3600.0
# A run with some jobs done and others waiting is "in_progress".
MOST_RUNS = {"queued": 20, "in_progress": 10}
APP_HOOK = "/app/hook/deliveries"
HOOKS: Mapping[str, str] = {
    "app": APP_HOOK,
    "org": "/orgs/{target}/hooks/{hook}/deliveries",
    "repo": "/repos/{target}/hooks/{hook}/deliveries",
}
OK = range(200, 300)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Delivery(_Answer):
    id: int
    guid: str
    delivered_at: AwareDatetime
    status: str = ""
    status_code: int = 0
    event: str = ""
    action: str | None = None


class _Account(_Answer):
    login: str = ""
    type: str = ""


class _Installation(_Answer):
    id: int
    account: _Account | None = None


class _Run(_Answer):
    id: int


class _Runs(_Answer):
    workflow_runs: tuple[_Run, ...]


class _Job(_Answer):
    id: int
    run_id: int
    run_attempt: int | None = None
    status: str = ""
    name: str | None = None
    workflow_name: str | None = None
    labels: tuple[str, ...] = ()
    html_url: str | None = None
    head_sha: str | None = None
    created_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None


class _Jobs(_Answer):
    jobs: tuple[_Job, ...]


class _Found(_Answer):
    scope: Scope
    at: float


_DELIVERIES = TypeAdapter(tuple[_Delivery, ...])


class SweepClient:
    """The SweptGitHub port. Never the cause of a rate limit: it stops well before."""

    def __init__(self, api: GitHubApi, client: GitHubClient, *, floor: float = FLOOR) -> None:
        self._api, self._client, self._floor = api, client, floor
        self._scopes = SingleFlight[str, _Found](
            self._find_scope, fresh=lambda found: api.clock() - found.at < REMEMBERED
        )

    def scope(self, repo: str) -> Scope:
        """Find a repository's organization and installation; remembered for an hour."""
        return self._scopes.get(repo).scope

    def place(self, scope: Scope) -> str:
        """Name the organization or repository at which runners of this scope register."""
        return self._client.place(self._whole(scope))

    def deliveries(self, hook: Hook, cursor: str) -> DeliveryPage:
        """List a hook's deliveries, newest first; without `status`, whose pages go astray.

        https://docs.github.com/en/rest/apps/webhooks#list-deliveries-for-an-app-webhook
        """
        query: dict[str, str | int] = {"per_page": PER_PAGE}
        query |= {"cursor": cursor} if cursor else {}
        call = Call("GET", HOOKS[hook.kind], _where(hook), query=query)
        try:
            response = self._called(hook, call)
        except NotThere:
            # An App whose webhook is not active has no deliveries.
            if hook.kind == "app":
                return DeliveryPage(items=())
            raise
        items = tuple(map(_delivery, _read_deliveries(response, call)))
        return DeliveryPage(items=items, after=_next_cursor(response))

    def redeliver(self, hook: Hook, delivery_id: int) -> None:
        """Have a delivery sent once more. Raises NotThere when GitHub has forgotten it."""
        route = f"{HOOKS[hook.kind]}/{{delivery}}/attempts"
        self._called(hook, Call("POST", route, {**_where(hook), "delivery": delivery_id}))

    def registrations(self, scope: Scope) -> Iterator[Sequence[Registration]]:
        """List all runners of a place, a page for each call."""
        whole = self._whole(scope)
        self._spare(whole)
        for page in self._client.runners(whole):
            yield page
            self._spare(whole)

    def waiting_jobs(self, scope: Scope) -> Iterator[Sequence[WaitingJob]]:
        """List a repository's queued jobs that carry our label, some for each call."""
        whole = self._whole(scope)
        for status, most in MOST_RUNS.items():
            runs = self._runs(whole, status)
            yield ()
            for run in runs[:most]:
                yield from self._jobs(whole, run)

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        """Look a registration up by name, or None."""
        whole = self._whole(scope)
        self._spare(whole)
        return self._client.find_runner(whole, runner)

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        """Remove a registration; already gone is a success. Raises RunnerBusy."""
        whole = self._whole(scope)
        self._spare(whole)
        self._client.delete_runner(whole, runner_id)

    def _runs(self, scope: Scope, status: str) -> list[int]:
        """The runs of a status, those that wait longest first."""
        query: dict[str, str | int] = {"status": status, "per_page": PER_PAGE}
        call = Call("GET", "/repos/{repo}/actions/runs", {"repo": scope.repo}, query=query)
        self._spare(scope)
        runs = read(_Runs, self._api.as_installation(scope, call), call).workflow_runs
        return [run.id for run in reversed(runs)]

    def _jobs(self, scope: Scope, run: int) -> Iterator[Sequence[WaitingJob]]:
        where: dict[str, str | int] = {"repo": scope.repo, "run": run}
        call = Call("GET", "/repos/{repo}/actions/runs/{run}/jobs", where)
        self._spare(scope)
        for response in self._client.pages(scope, call):
            now = datetime.fromtimestamp(self._api.clock(), UTC)
            jobs = read(_Jobs, response, call).jobs
            yield [_waiting(job, scope, now=now) for job in jobs if _is_ours(job)]
            self._spare(scope)

    def _whole(self, scope: Scope) -> Scope:
        """Complete a scope of which only the repository is known."""
        return scope if scope.org or scope.installation_id else self.scope(scope.repo)

    def _find_scope(self, repo: str) -> _Found:
        call = Call("GET", "/repos/{repo}/installation", {"repo": repo})
        self._spare(None)
        try:
            response = self._api.as_app(call)
        except NotThere as error:
            raise Refused(f"the App is not installed on {repo}: {error}") from error
        found = read(_Installation, response, call)
        org = (
            found.account.login if found.account and found.account.type == "Organization" else None
        )
        return _Found(
            scope=Scope(repo=repo, org=org, installation_id=found.id), at=self._api.clock()
        )

    def _called(self, hook: Hook, call: Call) -> httpx.Response:
        if hook.kind == "app":
            self._spare(None)
            return self._api.as_app(call)
        org = hook.target if hook.kind == "org" else None
        scope = Scope(repo=hook.target, org=org)
        self._spare(scope)
        return self._api.as_installation(scope, call)

    def _spare(self, scope: Scope | None) -> None:
        """Pass while there are calls to spare. Raises RateLimited, and says so."""
        budget = self._api.budget(scope)
        if budget is None or budget.share >= self._floor:
            return
        raise RateLimited(
            f"{budget.remaining} of {budget.limit} calls are left this hour, below "
            f"{self._floor:.0%}: they are for runners and jobs, not for the sweep",
            after=max(budget.reset - self._api.clock(), 1.0),
        )


def _where(hook: Hook) -> dict[str, str | int]:
    return {"target": hook.target, "hook": hook.hook_id or 0} if hook.target else {}


def _read_deliveries(response: httpx.Response, call: Call) -> tuple[_Delivery, ...]:
    try:
        return _DELIVERIES.validate_json(response.content)
    except ValidationError as error:
        _misfit(call, error)


def _misfit(call: Call, error: ValidationError) -> NoReturn:
    places = sorted({".".join(map(str, each["loc"])) for each in error.errors()})
    raise Unavailable(f"{call}: GitHub's answer does not fit at {places[:5]}") from None


def _next_cursor(response: httpx.Response) -> str | None:
    # Only the cursor of the link: its host may not be the one we may ask.
    url = response.links.get("next", {}).get("url", "")
    return next(iter(parse_qs(urlsplit(url).query).get("cursor", ())), None)


def _delivery(found: _Delivery) -> Delivery:
    return Delivery(
        delivery_id=found.id,
        guid=found.guid,
        at=found.delivered_at,
        ok=found.status == "OK" or found.status_code in OK,
        event=found.event,
        action=found.action or "",
    )


def _is_ours(job: _Job) -> bool:
    return job.status == "queued" and labels.parse(job.labels) is not None


def _waiting(job: _Job, scope: Scope, *, now: datetime) -> WaitingJob:
    return WaitingJob(
        job_id=job.id,
        run_id=job.run_id,
        run_attempt=job.run_attempt or 1,
        scope=scope,
        name=job.name or "",
        workflow=job.workflow_name or "",
        labels=job.labels,
        url=job.html_url or "",
        head_sha=job.head_sha or "",
        queued_at=job.created_at or job.started_at or now,
    )
