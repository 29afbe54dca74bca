"""Tokens: whose they are, how long they serve, and that nobody is told one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from runs_fleet.errors import FleetError, Refused, Unavailable
from runs_fleet.github.client import GitHubClient
from runs_fleet.models import Scope
from tests.github.calls import FINE, JOB, MINT, OTHER, SCOPE, TOKEN
from tests.github.conftest import SECRET
from tests.github.scripted import JIT, Clock, Reply, ScriptedGitHub, error, example


def test_one_token_serves_many_calls(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, FINE)
    client.job(SCOPE, 1)
    client.job(SCOPE, 1)
    assert len(github.tokens) == 1


def test_each_installation_has_its_own_token(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, FINE)
    client.job(SCOPE, 1)
    client.job(OTHER, 1)
    assert [seen.bearer for seen in github.asked(JOB)] == github.tokens
    assert len(github.tokens) == 2


def test_a_token_is_replaced_five_minutes_before_its_end(
    client: GitHubClient, github: ScriptedGitHub, clock: Clock
) -> None:
    github.say(JOB, FINE)
    client.job(SCOPE, 1)
    clock.now += 3299
    client.job(SCOPE, 1)
    clock.now += 2
    client.job(SCOPE, 1)
    assert [seen.bearer for seen in github.asked(JOB)] == [
        github.tokens[0],
        github.tokens[0],
        github.tokens[1],
    ]


def test_thirty_threads_make_one_token(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, FINE)
    github.open.clear()
    with ThreadPoolExecutor(30) as pool:
        asking = [pool.submit(client.job, SCOPE, 1) for _ in range(30)]
        assert github.waiting.wait(10)
        github.open.set()
        assert {one.result(10).phase for one in asking} == {"completed"}
    assert len(github.asked(TOKEN)) == 1


def test_a_revoked_token_is_replaced_once(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, error("401"), FINE)
    assert client.job(SCOPE, 1).phase == "completed"
    assert [seen.bearer for seen in github.asked(JOB)] == github.tokens
    assert len(github.tokens) == 2


def test_a_second_401_is_final(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, error("401"))
    with pytest.raises(Refused, match="401: Bad credentials"):
        client.job(SCOPE, 1)
    assert len(github.asked(JOB)) == 2


def test_an_app_key_that_github_does_not_know_is_refused(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(TOKEN, Reply(401, {"message": "A JSON web token could not be decoded"}))
    with pytest.raises(Refused, match="could not be decoded"):
        client.job(SCOPE, 1)


def test_an_app_that_was_uninstalled_is_refused(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(TOKEN, Reply(404, {"message": "Not Found"}))
    with pytest.raises(Refused, match="installation 7 is gone"):
        client.job(SCOPE, 1)


@pytest.mark.parametrize(
    ("scope", "route"),
    [
        (Scope(repo="octocat/hello"), "GET /repos/octocat/hello/installation"),
        (Scope(repo="octocat/hello", org="octocat"), "GET /orgs/octocat/installation"),
    ],
)
def test_an_unknown_installation_is_looked_up_once(
    client: GitHubClient, github: ScriptedGitHub, scope: Scope, route: str
) -> None:
    github.say(route, Reply(200, {**example("installation"), "id": 7}))
    github.say(JOB, FINE)
    client.job(scope, 1)
    client.job(scope, 1)
    assert len(github.asked(route)) == 1
    assert len(github.asked(TOKEN)) == 1


def test_a_repository_without_the_app_is_refused(client: GitHubClient) -> None:
    with pytest.raises(Refused, match="not installed on octocat/hello"):
        client.job(Scope(repo="octocat/hello"), 1)


@pytest.mark.parametrize("status", [200, 201, 401, 403, 404, 409, 422, 429, 500])
@pytest.mark.parametrize("route", [TOKEN, MINT])
def test_no_error_tells_a_secret(
    client: GitHubClient,
    github: ScriptedGitHub,
    told: Callable[[BaseException], str],
    route: str,
    status: int,
) -> None:
    secret = f"ghs_4711_{'y' * 80}"
    body = {"message": f"about {secret}", "token": secret, "encoded_jit_config": JIT}
    github.say(route, Reply(status, body))
    with pytest.raises(FleetError) as caught:
        client.mint(SCOPE, "runs-fleet-1-1", ["x"])
    assert not SECRET.search(told(caught.value))


def test_a_token_that_fits_no_header_is_told_to_nobody(
    client: GitHubClient, github: ScriptedGitHub, told: Callable[[BaseException], str]
) -> None:
    token = {"token": "ghs_4711\nX-Evil: 1", "expires_at": "2030-01-01T00:00:00Z"}
    github.say(TOKEN, Reply(201, token))
    with pytest.raises(Unavailable) as caught:
        client.job(SCOPE, 1)
    assert not SECRET.search(told(caught.value))
