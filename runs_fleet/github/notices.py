"""Notices on commits: check runs, or commit statuses where the App may not write those."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from pydantic import BaseModel, ConfigDict

from runs_fleet.errors import RateLimited, Refused
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.calls import Call, read
from runs_fleet.notices import Notice, Way

# Registering runners and concluding jobs come first; what is below this share is theirs.
FLOOR = 0.2
# GitHub stops who makes much content quickly, some 80 a minute, and runners with it.
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
MOST_A_MINUTE = 20
MINUTE = 60.0
# A permission that was missing may be granted.
REMEMBERED = 600.0
PER_PAGE = 100
# https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
LONGEST_DESCRIPTION = 140
STATES = {"failure": "failure", "neutral": "error"}


class _Check(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    external_id: str | None = None


class _Checks(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")
    check_runs: tuple[_Check, ...]


class GitHubNotices:
    """The Notices port; what the App may not do is remembered for each owner for a while."""

    def __init__(self, api: GitHubApi) -> None:
        self._api = api
        self._pace = Pace(api.clock)
        self._barred: dict[tuple[str, Way], tuple[float, str]] = {}

    def post(self, notice: Notice) -> Way:
        """Show a notice, or find that it is there. Raises Refused, or RateLimited."""
        ways: dict[Way, Callable[[Notice], None]] = {
            "check_run": self._check_run,
            "status": self._status,
        }
        barred = ""
        for way, show in ways.items():
            barred = self._try(way, show, notice)
            if not barred:
                return way
        needed = "the App needs checks:write or statuses:write to tell"
        raise Refused(f"{needed}: {barred}", forbidden=True)

    def _try(self, way: Way, show: Callable[[Notice], None], notice: Notice) -> str:
        """Show it this way, and return nothing, or why we may not."""
        owner = notice.scope.repo.partition("/")[0].lower()
        until, why = self._barred.get((owner, way), (0.0, ""))
        if self._api.clock() < until:
            return why
        try:
            show(notice)
        except Refused as error:
            if not error.forbidden:
                raise
            self._barred[owner, way] = (self._api.clock() + REMEMBERED, str(error))
            return str(error)
        return ""

    def _check_run(self, notice: Notice) -> None:
        """Create a check run, unless one of its key is there: GitHub itself would make two.

        https://docs.github.com/en/rest/checks/runs#create-a-check-run
        """
        if self._is_there(notice):
            return
        body: dict[str, object] = {
            "name": notice.name,
            "head_sha": notice.head_sha,
            "external_id": notice.key,
            "status": "completed",
            "conclusion": notice.conclusion,
            "output": {"title": notice.title, "summary": notice.text},
        }
        body |= {"details_url": notice.url} if notice.url else {}
        where = {"repo": notice.scope.repo}
        self._pay(notice, Call("POST", "/repos/{repo}/check-runs", where, body=body))

    def _is_there(self, notice: Notice) -> bool:
        call = Call(
            "GET",
            "/repos/{repo}/commits/{sha}/check-runs",
            {"repo": notice.scope.repo, "sha": notice.head_sha},
            query={"check_name": notice.name, "filter": "all", "per_page": PER_PAGE},
        )
        self._spare(notice)
        found = read(_Checks, self._api.as_installation(notice.scope, call), call)
        return any(each.external_id == notice.key for each in found.check_runs)

    def _status(self, notice: Notice) -> None:
        """Set a status; the same once more looks like one."""
        words = f"{notice.title}: {notice.reason}"
        if len(words) > LONGEST_DESCRIPTION:
            words = f"{words[: LONGEST_DESCRIPTION - 3]}..."
        body: dict[str, object] = {
            "state": STATES[notice.conclusion],
            "context": notice.name,
            "description": words,
        }
        body |= {"target_url": notice.url} if notice.url else {}
        where = {"repo": notice.scope.repo, "sha": notice.head_sha}
        call = Call("POST", "/repos/{repo}/statuses/{sha}", where)
        self._pay(notice, replace(call, body=body))

    def _pay(self, notice: Notice, call: Call) -> None:
        self._spare(notice)
        self._pace.enter(notice.scope.repo.partition("/")[0].lower())
        self._api.as_installation(notice.scope, call)

    def _spare(self, notice: Notice) -> None:
        """Leave what is left of the hour to those who register runners."""
        budget = self._api.budget(notice.scope)
        if budget is not None and budget.share < FLOOR:
            after = max(budget.reset - self._api.clock(), 1.0)
            raise RateLimited("little of the hour's calls to GitHub is left", after=after)


class Pace:
    """So many a minute for each owner, and not one more."""

    def __init__(self, clock: Callable[[], float], *, most: int = MOST_A_MINUTE) -> None:
        self._clock, self._most, self._lock = clock, most, Lock()
        self._passed: defaultdict[str, deque[float]] = defaultdict(deque)

    def enter(self, owner: str) -> None:
        """Pass, or raise RateLimited at once."""
        with self._lock:
            now, passed = self._clock(), self._passed[owner]
            while passed and passed[0] <= now - MINUTE:
                passed.popleft()
            if len(passed) >= self._most:
                after = passed[0] + MINUTE - now
                raise RateLimited(f"{self._most} notices in a minute to {owner}", after=after)
            passed.append(now)
