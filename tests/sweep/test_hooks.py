"""Where the deliveries of each kind of webhook are listed, from a scripted GitHub."""

from collections.abc import Iterator
from time import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from runs_fleet.errors import NotThere, Unavailable
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.sweep import SweepClient
from runs_fleet.hooks import Hook
from tests.github.scripted import Clock, Reply, ScriptedGitHub, serving

REPO_HOOK = Hook(kind="repo", target="octo/app", hook_id=7)
LIST = "GET /repos/octo/app/hooks/7/deliveries"
AGAIN = "POST /repos/octo/app/hooks/7/deliveries/23/attempts"
ONE = {"id": 23, "guid": "g", "delivered_at": "2026-07-01T12:00:00Z", "event": "workflow_job"}


@pytest.fixture
def github() -> Iterator[ScriptedGitHub]:
    with serving(ScriptedGitHub(Clock(time()))) as server:
        server.say("GET /repos/octo/app/installation", Reply(200, {"id": 9}))
        yield server


@pytest.fixture
def client(github: ScriptedGitHub) -> Iterator[SweepClient]:
    key = AppKey("1", generate_private_key(public_exponent=65537, key_size=2048))
    # Plain HTTP needs no certificates, and reading them takes longer than a test.
    api = GitHubApi(github.url, key, http=httpx.Client(verify=False, timeout=10))
    yield SweepClient(api, GitHubClient(api))
    api.close()


@pytest.mark.parametrize(
    ("status", "code", "ok"),
    [("OK", 200, True), ("OK", 0, True), ("", 202, True), ("timed out", 504, False)],
)
def test_a_delivery_is_well_when_either_field_says_so(
    client: SweepClient, github: ScriptedGitHub, status: str, code: int, ok: bool
) -> None:
    github.say(LIST, Reply(200, [{**ONE, "status": status, "status_code": code}]))
    [found] = client.deliveries(REPO_HOOK, "").items
    assert (found.delivery_id, found.guid, found.ok) == (23, "g", ok)


def test_a_repositorys_hook_is_asked_with_its_installations_token(
    client: SweepClient, github: ScriptedGitHub
) -> None:
    github.say(AGAIN, Reply(202, {}))
    client.redeliver(REPO_HOOK, 23)
    [seen] = github.asked(AGAIN)
    assert seen.bearer == github.tokens[0]


def test_the_next_page_is_asked_for_by_its_cursor_at_the_same_host(
    client: SweepClient, github: ScriptedGitHub
) -> None:
    link = '<https://elsewhere/deliveries?per_page=100&cursor=v1_22>; rel="next"'
    github.say(LIST, Reply(200, [ONE], {"link": link}))
    after = client.deliveries(REPO_HOOK, "").after
    assert after == "v1_22"
    client.deliveries(REPO_HOOK, after)
    assert [seen.query.get("cursor") for seen in github.asked(LIST)] == [None, "v1_22"]


def test_an_app_without_webhook_has_no_deliveries(client: SweepClient) -> None:
    assert client.deliveries(Hook(), "").items == ()


def test_a_hook_that_does_not_exist_is_told(client: SweepClient) -> None:
    with pytest.raises(NotThere):
        client.deliveries(REPO_HOOK, "")


def test_an_answer_that_makes_no_sense_is_no_empty_list(
    client: SweepClient, github: ScriptedGitHub
) -> None:
    github.say(LIST, Reply(200, {"message": "hello"}))
    with pytest.raises(Unavailable, match="does not fit"):
        client.deliveries(REPO_HOOK, "")
