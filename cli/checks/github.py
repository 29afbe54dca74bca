"""GitHub: whether the App is who we say, may what we need, and reaches us."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, RootModel

from cli.checks.findings import Look, Opened, Verdict, failed, skipped, warning, well, worst
from runs_fleet.errors import FleetError, NotThere, Refused
from runs_fleet.github.api import HEADERS, GitHubApi, http_client
from runs_fleet.github.auth import AppKey
from runs_fleet.github.calls import Call, read
from runs_fleet.settings.worker import WorkerSettings

OPENS = ("GitHub API", "clock", "GitHub App")
# A JWT is dated back by a minute: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
MOST_SKEW, ODD_SKEW = 50.0, 10.0
LEVELS = ("", "read", "write", "admin")
ORG_RUNNERS, REPO_RUNNERS = "organization_self_hosted_runners", "administration"
HOOKS = {"org": "organization_hooks", "repo": "repository_hooks"}
EVENT = "workflow_job"
OK = range(200, 300)
MANY = 100
APP_PAGE = "change it on the App's page at GitHub, docs/configuration.md#the-github-app"
# What an answer to GitHub's deliveries means for the operator.
MEANINGS = {
    0: "GitHub cannot reach the webhook's URL",
    401: "the webhook's secret is none of RUNS_FLEET_WEBHOOK_SECRETS",
    404: "the URL is not that of the API, which ends in /webhook",
    502: "GitHub, or a proxy before the API, reaches nobody at the webhook's URL",
    503: "the API reaches neither Temporal nor a spool",
    504: "no answer came within the ten seconds that GitHub waits",
}


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class App(_Answer):
    """What the App is, and may."""

    slug: str = ""
    permissions: dict[str, str | int | None] = {}
    events: tuple[str, ...] = ()


class Account(_Answer):
    """Somebody at GitHub."""

    login: str = ""


class Installation(_Answer):
    """Where the App is installed, and what was granted there."""

    account: Account | None = None
    permissions: dict[str, str | int | None] = {}
    suspended_at: datetime | None = None


class HookConfig(_Answer):
    """The App's webhook; GitHub shows stars for its secret."""

    url: str = ""
    content_type: str = "form"
    secret: str | None = None
    insecure_ssl: str | float = "0"


class Delivery(_Answer):
    """One delivery of a webhook."""

    guid: str
    event: str = ""
    status: str = ""
    status_code: int = 0


class Installations(RootModel[tuple[Installation, ...]]):
    """The first hundred."""


class Deliveries(RootModel[tuple[Delivery, ...]]):
    """The last hundred, newest first."""


@dataclass(frozen=True)
class Site:
    """The App, and what is wanted of it."""

    api: GitHubApi
    app: App
    settings: WorkerSettings


def opened(stack: ExitStack, *, settings: WorkerSettings) -> Opened[Site]:
    """Find GitHub, compare the clocks, and say who we are."""
    http = http_client()
    stack.callback(http.close)
    url = settings.github_api_url
    try:
        answer = http.get(url, headers=HEADERS)
    except httpx.HTTPError as error:
        said = f"{url}: {type(error).__name__}: {error}"
        cure = "set RUNS_FLEET_GITHUB_API_URL; HTTPS_PROXY and SSL_CERT_FILE count, too"
        return Opened({"GitHub API": failed(said, cure)})
    verdicts = {"GitHub API": well(f"{url} answers"), "clock": clock(answer, datetime.now(UTC))}
    try:
        key = AppKey.from_pem(settings.github_app_id, settings.app_key())
        api = GitHubApi(url, key, http=http)
        app = read(App, api.as_app(call := Call("GET", "/app")), call)
    except FleetError as error:
        return Opened({**verdicts, "GitHub App": _unknown(error, settings.github_app_id)})
    known = well(f"{app.slug or settings.github_app_id} has the key that we have")
    return Opened({**verdicts, "GitHub App": known}, Site(api, app, settings))


def clock(answer: httpx.Response, now: datetime) -> Verdict:
    """Compare GitHub's clock with ours: it refuses signatures from the future."""
    try:
        skew = (now - parsedate_to_datetime(answer.headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return skipped("GitHub's answer has no date")
    said = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} GitHub's"
    if abs(skew) > MOST_SKEW:
        return failed(f"it is {said}: GitHub refuses our signatures", "run an NTP client here")
    if abs(skew) > ODD_SKEW:
        return warning(f"it is {said}", "run an NTP client here")
    return well("it goes with GitHub's")


def permissions(site: Site) -> Verdict:
    """What the App may must be enough for what we do."""
    held, settings = site.app.permissions, site.settings
    bad = [
        f"{name}: {level} is missing"
        for name, level in _needs(settings)
        if _short(held, name, level)
    ]
    odd = list[str]()
    places = {ORG_RUNNERS: "organizations", REPO_RUNNERS: "repositories of no organization"}
    lacking = [name for name in places if _short(held, name, "write")]
    if settings.github_scope == "auto":
        said = [f"{name}: write is missing, so none for {places[name]}" for name in lacking]
        bad, odd = (bad + said, odd) if len(lacking) == len(places) else (bad, said)
    if _short(held, "actions", "write"):
        odd.append("actions: write is missing, so no job of a lost machine is run again")
    if settings.tell and _short(held, "checks", "write") and _short(held, "statuses", "write"):
        odd.append("checks: write is missing, so nobody is told why a job gets no runner")
    return worst(bad, odd, "it may do all that is needed", cure=APP_PAGE)


def events(site: Site) -> Verdict:
    """Without the event there are no jobs."""
    if EVENT in site.app.events:
        return well(f"it hears of {EVENT}")
    if site.settings.github_hooks:
        return well("it hears of none; RUNS_FLEET_GITHUB_HOOKS names other webhooks")
    return failed(f"it is not subscribed to {EVENT}, so no job is heard of", APP_PAGE)


def installations(site: Site) -> Verdict:
    """Where the App is installed, and whether what it asks for was granted."""
    call = Call("GET", "/app/installations", query={"per_page": MANY})
    found = read(Installations, site.api.as_app(call), call).root
    if not found:
        return failed("it is installed nowhere", "install it on your organization or repositories")
    odd = [f"suspended at {_login(each)}" for each in found if each.suspended_at]
    odd += [
        f"{_login(each)} has not granted {', '.join(lacking)}"
        for each in found
        if (lacking := _not_granted(site.app, each, [name for name, _ in _wished(site.settings)]))
    ]
    names = ", ".join(_login(each) for each in found[:5]) + (" and more" if found[5:] else "")
    cure = "ask its owner to accept the App's new permissions, or to unsuspend it"
    return worst([], odd, f"installed at {names}", cure=cure)


def webhook(site: Site) -> Verdict:
    """Where GitHub sends what happens, and whether we would believe it."""
    call = Call("GET", "/app/hook/config")
    try:
        config = read(HookConfig, site.api.as_app(call), call)
    except NotThere:
        if site.settings.github_hooks:
            return well("not active; RUNS_FLEET_GITHUB_HOOKS names other webhooks")
        return failed("it is not active", APP_PAGE)
    bad = [] if config.secret else ["it has no secret, and the API refuses what is not signed"]
    if config.content_type != "json":
        bad.append(f"its content type is {config.content_type!r} and must be 'json'")
    odd = list[str]()
    if not config.url:
        bad.append("it has no URL")
    elif not urlsplit(config.url).path.endswith("/webhook"):
        odd.append(f"{config.url} does not end in /webhook")
    if config.url.startswith("http:") and site.settings.github_api_url.startswith("https:"):
        odd.append("its URL is not https")
    if str(config.insecure_ssl).partition(".")[0] != "0":
        odd.append("its certificate is not verified")
    return worst(bad, odd, f"{config.url}, signed, as JSON", cure=APP_PAGE)


def deliveries(site: Site) -> Verdict:
    """How the last deliveries went; an event counts by its newest attempt."""
    call = Call("GET", "/app/hook/deliveries", query={"per_page": MANY})
    try:
        found = read(Deliveries, site.api.as_app(call), call).root
    except NotThere:
        return skipped("the App's webhook is not active")
    newest = {each.guid: each for each in reversed(found)}
    lost = [each for each in newest.values() if each.status_code not in OK]
    if not found:
        return warning("nothing was delivered lately", "push to a repository that has a workflow")
    if not lost:
        return well(f"the last {len(newest)} arrived")
    [(code, _), *_] = Counter(each.status_code for each in lost).most_common(1)
    said = f"{len(lost)} of the last {len(newest)} failed, mostly with {code or 'no answer'}"
    cure = MEANINGS.get(code, "see the App's Advanced page at GitHub")
    if found[0].status_code in OK:
        return warning(f"{said}; the newest arrived", f"the sweep has them sent again; {cure}")
    return failed(f"{said}; the newest, too", cure)


def _needs(settings: WorkerSettings) -> Sequence[tuple[str, str]]:
    """List the permissions without which nothing works."""
    runners = {"org": [(ORG_RUNNERS, "write")], "repo": [(REPO_RUNNERS, "write")], "auto": []}
    hooks = {HOOKS[hook.kind]: "write" for hook in settings.github_hooks if hook.kind in HOOKS}
    return [*runners[settings.github_scope], ("actions", "read"), *hooks.items()]


def _wished(settings: WorkerSettings) -> Sequence[tuple[str, str]]:
    return [*_needs(settings), (ORG_RUNNERS, "write"), (REPO_RUNNERS, "write"), ("checks", "write")]


def _short(held: Mapping[str, object], name: str, level: str) -> bool:
    have = str(held.get(name) or "")
    return LEVELS.index(have if have in LEVELS else "") < LEVELS.index(level)


def _not_granted(app: App, held: Installation, wanted: Sequence[str]) -> list[str]:
    """List what the App asks for by now, and what this installation has not granted."""
    asked = {name: str(app.permissions.get(name) or "") for name in wanted}
    return [
        n for n, level in asked.items() if level in LEVELS and _short(held.permissions, n, level)
    ]


def _login(installation: Installation) -> str:
    return installation.account.login if installation.account else "an enterprise"


def _unknown(error: FleetError, app_id: str) -> Verdict:
    text = str(error)
    if not isinstance(error, Refused | NotThere):
        return failed(text)
    if isinstance(error, NotThere) or "could not be decoded" in text:
        cure = f"RUNS_FLEET_GITHUB_APP_ID ({app_id}) and the private key must be of one App"
        return failed(text, f"{cure}; make a new key on its page")
    return failed(text, "see the clock above, and RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE")


CHECKS: Mapping[str, Look[Site]] = {
    "App permissions": permissions,
    "App events": events,
    "App installations": installations,
    "App webhook": webhook,
    "webhook deliveries": deliveries,
}
