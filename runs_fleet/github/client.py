"""GitHub as runners need it: the port's five questions, put to the REST API."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from runs_fleet.errors import NotThere, RateLimited, Refused
from runs_fleet.github import reruns
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.calls import REGISTER, Call, read
from runs_fleet.github.registrations import Registrations
from runs_fleet.github.single_flight import SingleFlight
from runs_fleet.models import JobEvent, Phase, Registration, Scope
from runs_fleet.ports import JitRunner
from runs_fleet.registering import TokenRegistration

ScopeRule = Literal["auto", "org", "repo"]
DEFAULT_GROUP = 1
# https://docs.github.com/en/rest/actions/self-hosted-runners#create-configuration-for-a-just-in-time-runner-for-an-organization
MOST_LABELS = 100
PER_PAGE = 100
MOST_PAGES = 100
GROUP_REMEMBERED = 600.0
# A machine may take so long until it registers its runner, and a token lives for an hour.
LATE = 1200.0


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Runner(_Answer):
    id: int
    name: str
    status: str = "offline"
    busy: bool = False


class _Runners(_Answer):
    runners: tuple[_Runner, ...]


class _Jit(_Answer):
    runner: _Runner
    encoded_jit_config: str = Field(repr=False)


class _RegistrationToken(_Answer):
    token: str = Field(repr=False)
    expires_at: AwareDatetime


class _Group(_Answer):
    id: int
    name: str


class _Groups(_Answer):
    runner_groups: tuple[_Group, ...]


class _Job(_Answer):
    id: int
    status: str
    conclusion: str | None = None
    runner_name: str | None = None
    created_at: AwareDatetime | None = None
    started_at: AwareDatetime | None = None
    completed_at: AwareDatetime | None = None


@dataclass(frozen=True)
class _FoundGroup:
    id: int
    at: float


class GitHubClient:
    """The GitHub port.

    `scope_rule` says where runners register: at the organization when the job has one (auto),
    only there (org), or always at the job's repository (repo).
    """

    def __init__(
        self,
        api: GitHubApi,
        *,
        runner_group: str = "Default",
        scope_rule: ScopeRule = "auto",
        registrations: Registrations | None = None,
    ) -> None:
        self.api = api
        self._registrations = registrations or Registrations(clock=api.clock)
        self._group_name = runner_group
        self._scope_rule = scope_rule
        self._tokens = SingleFlight[Scope, _RegistrationToken](
            self._new_token, fresh=lambda held: held.expires_at.timestamp() - api.clock() > LATE
        )
        self._groups = SingleFlight[Scope, _FoundGroup](
            self._find_group, fresh=lambda found: api.clock() - found.at < GROUP_REMEMBERED
        )

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        """Register an ephemeral JIT runner with exactly these labels. Raises NameTaken.

        Raises RateLimited at once when it is not this runner's turn.
        """
        payer = scope.installation_id or scope.org or scope.repo
        self._registrations.enter(payer, runner, scope.repo)
        body = {
            "name": runner,
            "runner_group_id": self._group(scope),
            "labels": _distinct(labels),
            "work_folder": "_work",
        }
        call = replace(self.at_place(scope, "POST", REGISTER), body=body)
        try:
            response = self.api.as_installation(scope, call)
        except NotThere as error:
            raise Refused(
                f"{error}; no such place, no such runner group, or the App lacks the permission"
            ) from error
        except RateLimited as error:
            self._registrations.refused(payer, error.after)
            raise
        jit = read(_Jit, response, call)
        return JitRunner(jit.runner.id, jit.runner.name, jit.encoded_jit_config)

    def registration(self, scope: Scope, labels: Sequence[str]) -> TokenRegistration:
        """Write what an agent registers by itself with; one call an hour for each place.

        https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-an-organization
        """
        everywhere = self._place_of(scope)
        return TokenRegistration(
            url=f"{self.api.web_url}/{self.place(scope)}",
            token=self._tokens.get(everywhere).token,
            labels=tuple(_distinct(labels)),
            group=self._group_name,
        )

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        """Look a registration up by name, whatever its case, or None."""
        found = (
            each
            for page in self.runners(scope, name=runner)
            for each in page
            if each.runner.lower() == runner.lower()
        )
        return next(found, None)

    def runners(self, scope: Scope, **query: str) -> Iterator[list[Registration]]:
        """List the runners of a place; one page for each call."""
        call = replace(self.at_place(scope, "GET", "/actions/runners"), query=query)
        for response in self.pages(scope, call):
            yield [_registration(each) for each in read(_Runners, response, call).runners]

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        """Remove a registration; already gone is a success. Raises RunnerBusy."""
        call = self.at_place(scope, "DELETE", "/actions/runners/{runner}", runner=runner_id)
        try:
            self.api.as_installation(scope, call)
        except NotThere:
            return

    def job(self, scope: Scope, job_id: int) -> JobEvent:
        """Ask what became of a job. Raises NotThere."""
        where: dict[str, str | int] = {"repo": scope.repo, "job": job_id}
        call = Call("GET", "/repos/{repo}/actions/jobs/{job}", where)
        job = read(_Job, self.api.as_installation(scope, call), call)
        return _event(job, now=datetime.fromtimestamp(self.api.clock(), UTC))

    def rerun_job(self, scope: Scope, job_id: int, *, asked: bool = False) -> None:
        """Run a concluded job once more. Raises Unavailable while its run is still going."""
        if asked and reruns.ran_again(self.api, scope, job_id, pages=self.pages):
            return
        where: dict[str, str | int] = {"repo": scope.repo, "job": job_id}
        self.api.as_installation(
            scope, Call("POST", "/repos/{repo}/actions/jobs/{job}/rerun", where)
        )

    def _org(self, scope: Scope) -> str | None:
        if self._scope_rule == "org" and scope.org is None:
            raise Refused(
                f"{scope.repo} belongs to no organization, but runners may only register at one"
            )
        return None if self._scope_rule == "repo" else scope.org

    def place(self, scope: Scope) -> str:
        """Name the organization or repository at which runners of this scope register."""
        return self._org(scope) or scope.repo

    def at_place(self, scope: Scope, method: str, route: str, **where: int) -> Call:
        """Write a call to where runners of this scope register."""
        if org := self._org(scope):
            return Call(method, f"/orgs/{{org}}{route}", {"org": org, **where})
        return Call(method, f"/repos/{{repo}}{route}", {"repo": scope.repo, **where})

    def _group(self, scope: Scope) -> int:
        org = self._org(scope)
        # Runner groups belong to organizations; a repository has the default one only.
        if org is None or self._group_name.lower() == "default":
            return DEFAULT_GROUP
        return self._groups.get(self._place_of(scope)).id

    def _place_of(self, scope: Scope) -> Scope:
        """Forget the repository where runners register at its organization."""
        org = self._org(scope)
        repo = "" if org else scope.repo
        return Scope(repo=repo, org=org, installation_id=scope.installation_id)

    def _new_token(self, scope: Scope) -> _RegistrationToken:
        call = self.at_place(scope, "POST", "/actions/runners/registration-token")
        return read(_RegistrationToken, self.api.as_installation(scope, call), call)

    def _find_group(self, scope: Scope) -> _FoundGroup:
        call = Call("GET", "/orgs/{org}/actions/runner-groups", {"org": scope.org or ""})
        groups = (
            group
            for response in self.pages(scope, call)
            for group in read(_Groups, response, call).runner_groups
        )
        known = []
        for group in groups:
            if group.name.lower() == self._group_name.lower():
                return _FoundGroup(group.id, self.api.clock())
            known.append(group.name)
        raise Refused(f"{scope.org} has no runner group {self._group_name!r}; it has {known}")

    def pages(self, scope: Scope, call: Call) -> Iterator[httpx.Response]:
        """Call for one page after the other, as they are asked for."""
        # By number rather than by the link itself, whose host may not be the one we may ask.
        for page in range(1, MOST_PAGES + 1):
            query = {**call.query, "per_page": PER_PAGE, "page": page}
            response = self.api.as_installation(scope, replace(call, query=query))
            yield response
            if "next" not in response.links:
                return


def _distinct(labels: Sequence[str]) -> list[str]:
    """Keep each label once, as first spelled: GitHub compares them without case."""
    distinct: dict[str, str] = {}
    for label in labels:
        distinct.setdefault(label.lower(), label)
    if not 0 < len(distinct) <= MOST_LABELS:
        raise Refused(
            f"a runner has 1 to {MOST_LABELS} labels, this one would have {len(distinct)}"
        )
    return list(distinct.values())


def _registration(runner: _Runner) -> Registration:
    return Registration(
        runner_id=runner.id,
        runner=runner.name,
        online=runner.status == "online",
        busy=runner.busy,
    )


def _event(job: _Job, *, now: datetime) -> JobEvent:
    moments: dict[Phase, datetime | None] = {
        "queued": job.created_at,
        "in_progress": job.started_at,
        "completed": job.completed_at,
    }
    phase = _phase(job)
    return JobEvent(
        job_id=job.id,
        phase=phase,
        conclusion=job.conclusion,
        runner_name=job.runner_name or None,
        at=moments[phase] or now,
        source="rest",
    )


def _phase(job: _Job) -> Phase:
    # Only a concluded job has a conclusion, whatever its status lags behind.
    if job.status == "completed" or job.conclusion is not None:
        return "completed"
    # The others, waiting, requested and pending, all come before a runner.
    return "in_progress" if job.status == "in_progress" else "queued"
