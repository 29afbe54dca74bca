"""GitHub's REST API as an App speaks to it: tokens, rate limits, redirects, verdicts."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from runs_fleet.errors import NotThere, RateLimited, Refused, Unavailable
from runs_fleet.github.auth import AppKey, Installation, InstallationToken
from runs_fleet.github.budgets import Budget, Budgets
from runs_fleet.github.calls import Call, limited_bucket, read, verdict
from runs_fleet.github.gate import Gate, Payer
from runs_fleet.github.single_flight import SingleFlight
from runs_fleet.models import Scope

# GitHub's secondary limit is 100 requests at a time.
CONNECTIONS = 64
REDIRECTS = 3
HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
    "User-Agent": "runs-fleet",
}
# https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
# asks to repeat the request at the new place, so the method stays even after a 301.
MOVED = frozenset({301, 302, 307, 308})
REMEMBERED = 600.0
OnCall = Callable[[str, str, int], None]
Owner = tuple[str, str]


@dataclass(frozen=True)
class FoundInstallation:
    """An installation that was looked up, and when."""

    id: int
    at: float


def http_client() -> httpx.Client:
    """Make the connection pool that all threads share."""
    return httpx.Client(
        timeout=httpx.Timeout(10.0, connect=5.0, pool=30.0),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    )


def _uncounted(_method: str, _route: str, _status: int) -> None:
    """Count nothing."""


class GitHubApi:
    """Calls with the right identity; safe for threads; never sleeps.

    `on_call` hears method, route template and status of every request; status 0 means that
    nobody answered.
    """

    def __init__(
        self,
        base_url: str,
        app: AppKey,
        *,
        http: httpx.Client | None = None,
        clock: Callable[[], float] = time.time,
        on_call: OnCall = _uncounted,
    ) -> None:
        self.clock = clock
        self._base_url = base_url.rstrip("/")
        self._app = app
        self._http = http or http_client()
        self._on_call = on_call
        self._gate = Gate(clock)
        self._budgets = Budgets(clock)
        self._tokens = SingleFlight[int, InstallationToken](
            self._mint_token, fresh=lambda token: token.fresh(clock())
        )
        self._installations = SingleFlight[Owner, FoundInstallation](
            self._find_installation, fresh=lambda found: clock() - found.at < REMEMBERED
        )

    @property
    def web_url(self) -> str:
        """The address for people of the same GitHub: github.com, GHE.com or a server's."""
        scheme, _, rest = self._base_url.removesuffix("/api/v3").partition("://")
        return f"{scheme}://{rest.removeprefix('api.')}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def as_installation(self, scope: Scope, call: Call) -> httpx.Response:
        """Call with the installation's token, and once more with a new one after a 401."""
        installation = self._installation(scope)
        self._gate.enter(installation, call.bucket)
        token = self._tokens.get(installation)
        response = self._send(call, token.token)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.drop(installation, token)
            token = self._tokens.get(installation)
            response = self._send(call, token.token)
        return self._judged(call, response, installation)

    def as_app(self, call: Call) -> httpx.Response:
        """Call with the App's JWT."""
        self._gate.enter(None, call.bucket)
        return self._judged(call, self._send(call, self._app.jwt()), None)

    def budget(self, scope: Scope | None) -> Budget | None:
        """Return what is left of the hour's calls of a scope's installation, or of the App."""
        return self._budgets.of(self._installation(scope) if scope else None)

    def _installation(self, scope: Scope) -> int:
        if scope.installation_id is not None:
            return scope.installation_id
        owner = ("/orgs/{name}", scope.org) if scope.org else ("/repos/{name}", scope.repo)
        return self._installations.get(owner).id

    def _find_installation(self, owner: Owner) -> FoundInstallation:
        route, name = owner
        call = Call("GET", f"{route}/installation", {"name": name})
        try:
            response = self.as_app(call)
        except NotThere as error:
            raise Refused(f"the App is not installed on {name}: {error}") from error
        return FoundInstallation(read(Installation, response, call).id, self.clock())

    def _mint_token(self, installation: int) -> InstallationToken:
        call = Call("POST", "/app/installations/{id}/access_tokens", {"id": installation})
        try:
            response = self.as_app(call)
        except NotThere as error:
            raise Refused(f"the App's installation {installation} is gone: {error}") from error
        return read(InstallationToken, response, call)

    def _judged(self, call: Call, response: httpx.Response, payer: Payer) -> httpx.Response:
        self._budgets.note(payer, response.headers)
        if response.is_success:
            return response
        error = verdict(call, response, now=self.clock())
        if isinstance(error, RateLimited):
            self._gate.close(payer, limited_bucket(call, response), error.after)
        raise error

    def _send(self, call: Call, bearer: str) -> httpx.Response:
        url = httpx.URL(f"{self._base_url}{call.path}", params=call.query or None)
        for _ in range(REDIRECTS + 1):
            response = self._exchange(call, url, bearer)
            if response.status_code not in MOVED or not response.has_redirect_location:
                return response
            url = _next_url(call, response)
        raise Unavailable(f"{call}: GitHub redirects in circles")

    def _exchange(self, call: Call, url: httpx.URL, bearer: str) -> httpx.Response:
        headers = {**HEADERS, "Authorization": f"Bearer {bearer}"}
        try:
            response = self._http.request(call.method, url, json=call.body, headers=headers)
        except httpx.HTTPError as error:
            self._on_call(call.method, call.route, 0)
            raise Unavailable(f"{call}: {type(error).__name__}: {error}") from error
        self._on_call(call.method, call.route, response.status_code)
        return response


def _next_url(call: Call, response: httpx.Response) -> httpx.URL:
    """Follow a renamed repository, but carry no token to another host."""
    try:
        url = response.url.join(response.headers["location"])
    except httpx.InvalidURL:
        raise Unavailable(f"{call}: GitHub redirects to no address") from None
    if (url.scheme, url.netloc) != (response.url.scheme, response.url.netloc):
        raise Unavailable(f"{call}: GitHub redirects to another host, {url.host}")
    return url
