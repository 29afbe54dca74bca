"""What the doctor says of a GitHub App that lacks one thing, by GitHub's own answers."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from time import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from cli.checks import github as checks
from cli.checks.github import App, Site
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.settings import load_worker
from tests.doctor.conftest import Environ, found
from tests.github.scripted import Clock, Reply, ScriptedGitHub, serving
from tests.test_settings import WORKER

ALL = {
    "actions": "write",
    "administration": "write",
    "checks": "write",
    "metadata": "read",
    "organization_self_hosted_runners": "write",
}
NEITHER = {"administration": "read", "organization_self_hosted_runners": None}
HOOK = {
    "url": "https://runs.example/webhook", "content_type": "json", "secret": "********",
    "insecure_ssl": "0",
}  # fmt: skip
HOOKS = {"RUNS_FLEET_GITHUB_HOOKS": "org:acme:12"}
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def github_says() -> Iterator[ScriptedGitHub]:
    with serving(ScriptedGitHub(Clock(time()))) as server:
        yield server


@pytest.fixture(scope="session")
def key() -> AppKey:
    return AppKey("4711", generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture
def api(github_says: ScriptedGitHub, key: AppKey) -> Iterator[GitHubApi]:
    http = httpx.Client(verify=False, timeout=10)
    api = GitHubApi(github_says.url, key, http=http)
    yield api
    api.close()


def site(api: GitHubApi, *, variables: Environ | None = None, **told: Any) -> Site:
    given = {"slug": "fleet", "permissions": ALL, "events": ["workflow_job"], **told}
    return Site(api, App.model_validate(given), load_worker({**WORKER, **(variables or {})}))


def delivery(guid: str, code: int) -> dict[str, Any]:
    return {"id": 1, "guid": guid, "status_code": code, "status": "?", "event": "workflow_job"}


@pytest.mark.parametrize(
    ("changed", "variables", "status", "words"),
    [
        ({}, {}, "ok", ""),
        (NEITHER, {}, "failed", "administration: write is missing"),
        ({"administration": None}, {}, "warning", "repositories of no organization"),
        ({"administration": None}, {"RUNS_FLEET_GITHUB_SCOPE": "repo"}, "failed", "administration"),
        ({"administration": None}, {"RUNS_FLEET_GITHUB_SCOPE": "org"}, "ok", ""),
        ({"actions": "read"}, {}, "warning", "no job of a lost machine is run again"),
        ({"actions": None}, {}, "failed", "actions: read is missing"),
        ({"checks": None}, {}, "warning", "nobody is told"),
        ({"checks": None, "statuses": "write"}, {}, "ok", ""),
        ({"checks": None}, {"RUNS_FLEET_TELL": "off"}, "ok", ""),
        ({}, HOOKS, "failed", "organization_hooks: write is missing"),
        ({"organization_hooks": "write"}, HOOKS, "ok", ""),
    ],
)
async def test_a_missing_permission_is_named_with_what_it_costs(
    api: GitHubApi,
    changed: dict[str, str | None],
    variables: Environ,
    status: str,
    words: str,
) -> None:
    held = {name: level for name, level in {**ALL, **changed}.items() if level}
    finding = await found(checks.permissions, site(api, variables=variables, permissions=held))
    assert finding.status == status
    assert words in finding.said


@pytest.mark.parametrize(("variables", "status"), [({}, "failed"), (HOOKS, "ok")])
async def test_an_app_that_hears_of_no_job_fails_unless_other_webhooks_do(
    api: GitHubApi, variables: Environ, status: str
) -> None:
    assert (
        await found(checks.events, site(api, variables=variables, events=["push"]))
    ).status == status


@pytest.mark.parametrize(
    ("installed", "status", "words"),
    [
        ([], "failed", "nowhere"),
        ([{"permissions": ALL}], "ok", "acme"),
        ([{"permissions": ALL, "suspended_at": NOW.isoformat()}], "warning", "suspended at acme"),
        (
            [{"permissions": {**ALL, "checks": "read"}}],
            "warning",
            "acme has not granted checks",
        ),
    ],
)
async def test_an_installation_that_is_not_whole_is_named(
    api: GitHubApi,
    github_says: ScriptedGitHub,
    installed: list[dict[str, Any]],
    status: str,
    words: str,
) -> None:
    rows = [{"id": 1, "account": {"login": "acme"}, **each} for each in installed]
    github_says.say("GET /app/installations", Reply(body=rows))
    finding = await found(checks.installations, site(api))
    assert (finding.status, words in finding.said) == (status, True)


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({}, "ok", "https://runs.example/webhook"),
        ({"secret": None}, "failed", "no secret"),
        ({"content_type": "form"}, "failed", "'form'"),
        ({"url": ""}, "failed", "no URL"),
        ({"url": "https://runs.example/"}, "warning", "does not end in /webhook"),
        ({"insecure_ssl": "1"}, "warning", "not verified"),
        ({"insecure_ssl": 1.0}, "warning", "not verified"),
    ],
)
async def test_a_webhook_that_is_set_up_wrong_is_named(
    api: GitHubApi,
    github_says: ScriptedGitHub,
    changed: dict[str, Any],
    status: str,
    words: str,
) -> None:
    github_says.say("GET /app/hook/config", Reply(body={**HOOK, **changed}))
    finding = await found(checks.webhook, site(api))
    assert (finding.status, words in finding.said) == (status, True)


@pytest.mark.parametrize(("variables", "status"), [({}, "failed"), (HOOKS, "ok")])
async def test_a_webhook_that_is_not_active_fails_unless_there_are_others(
    api: GitHubApi, variables: Environ, status: str
) -> None:
    assert (await found(checks.webhook, site(api, variables=variables))).status == status


@pytest.mark.parametrize(
    ("newest_first", "status", "cure"),
    [
        ([], "warning", "push"),
        ([("b", 202), ("a", 202)], "ok", ""),
        ([("b", 202), ("a", 202), ("a", 503)], "ok", ""),
        ([("b", 202), ("a", 503)], "warning", "neither Temporal nor a spool"),
        ([("b", 401), ("a", 202)], "failed", "RUNS_FLEET_WEBHOOK_SECRETS"),
        ([("b", 404)], "failed", "/webhook"),
        ([("b", 0)], "failed", "cannot reach"),
        ([("b", 418)], "failed", "Advanced"),
    ],
)
async def test_deliveries_that_fail_tell_why(
    api: GitHubApi,
    github_says: ScriptedGitHub,
    newest_first: list[tuple[str, int]],
    status: str,
    cure: str,
) -> None:
    rows = [delivery(guid, code) for guid, code in newest_first]
    github_says.say("GET /app/hook/deliveries", Reply(body=rows))
    finding = await found(checks.deliveries, site(api))
    assert (finding.status, cure in finding.cure) == (status, True)


async def test_deliveries_of_a_webhook_that_is_not_active_are_skipped(api: GitHubApi) -> None:
    assert (await found(checks.deliveries, site(api))).status == "skipped"


@pytest.mark.parametrize(
    ("ahead", "status", "words"),
    [
        (0, "ok", ""),
        (-5, "ok", ""),
        (30, "warning", "30 s ahead of"),
        (90, "failed", "90 s ahead of"),
        (-600, "failed", "600 s behind"),
    ],
)
def test_a_clock_that_is_off_is_measured(ahead: int, status: str, words: str) -> None:
    date = format_datetime(NOW - timedelta(seconds=ahead), usegmt=True)
    verdict = checks.clock(httpx.Response(200, headers={"date": date}), NOW)
    assert (verdict.status, words in verdict.said) == (status, True)


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_an_answer_without_a_date_tells_nothing_of_the_clock(headers: dict[str, str]) -> None:
    assert checks.clock(httpx.Response(200, headers=headers), NOW).status == "skipped"


async def test_what_github_does_not_answer_fails(
    api: GitHubApi, github_says: ScriptedGitHub
) -> None:
    github_says.say("GET /app/installations", Reply(503))
    finding = await found(checks.installations, site(api))
    assert (finding.status, "answered 503" in finding.said) == ("failed", True)
    assert finding.cure == "see docs/doctor.md#check"
