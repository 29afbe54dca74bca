"""What a runner registers by itself with, and how often GitHub is asked for it."""

from datetime import UTC, datetime

import pytest

from runs_fleet.errors import RateLimited
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.github.registrations import Registrations
from runs_fleet.models import Scope
from runs_fleet.registering import Registrar
from tests.github.scripted import JIT, Clock, Reply, ScriptedGitHub, error, example

ORG = Scope(repo="octo-org/octo-repo", org="octo-org", installation_id=7)
OTHER = Scope(repo="octo-org/another", org="octo-org", installation_id=7)
REPO = Scope(repo="octocat/hello", installation_id=7)
ORG_TOKEN = "POST /orgs/octo-org/actions/runners/registration-token"
REPO_TOKEN = "POST /repos/octocat/hello/actions/runners/registration-token"
ORG_MINT = "POST /orgs/octo-org/actions/runners/generate-jitconfig"
MINTED = Reply(201, {**example("runner-jitconfig"), "encoded_jit_config": JIT})


def token(value: str, clock: Clock) -> Reply:
    expires = datetime.fromtimestamp(clock() + 3600, UTC).isoformat()
    return Reply(201, {"token": value, "expires_at": expires})


def test_the_client_is_the_port(client: GitHubClient) -> None:
    port: Registrar = client
    assert port is client


def test_a_token_serves_all_of_an_organization_for_most_of_an_hour(
    client: GitHubClient, github: ScriptedGitHub, clock: Clock
) -> None:
    github.say(ORG_TOKEN, token("first", clock), token("second", clock))
    given = [client.registration(scope, ["x"]).token for scope in (ORG, OTHER, ORG)]
    clock.now += 3000
    given.append(client.registration(ORG, ["x"]).token)
    assert given == ["first", "first", "first", "second"]
    assert len(github.asked(ORG_TOKEN)) == 2


def test_it_says_where_and_as_what_to_register(
    client: GitHubClient, github: ScriptedGitHub, clock: Clock
) -> None:
    github.say(REPO_TOKEN, token("t", clock))
    found = client.registration(REPO, ["Runs-Fleet/cpu=2", "runs-fleet/CPU=2", "b"])
    assert found.url == f"{github.url}/octocat/hello"
    assert (found.labels, found.group) == (("Runs-Fleet/cpu=2", "b"), "Default")
    assert "'t'" not in repr(found)


@pytest.mark.parametrize(
    ("api_url", "web_url"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://github.example.com/api/v3", "https://github.example.com"),
        ("https://api.acme.ghe.com/", "https://acme.ghe.com"),
    ],
)
def test_the_site_is_known_by_its_api(app: AppKey, api_url: str, web_url: str) -> None:
    api = GitHubApi(api_url, app)
    assert api.web_url == web_url
    api.close()


def test_what_is_too_much_for_a_minute_never_reaches_github(
    api: GitHubApi, github: ScriptedGitHub, clock: Clock
) -> None:
    client = GitHubClient(api, registrations=Registrations(1, clock=clock))
    github.say(ORG_MINT, MINTED)
    client.mint(ORG, "runs-fleet-1-1", ["x"])
    with pytest.raises(RateLimited, match="0 before it"):
        client.mint(ORG, "runs-fleet-2-1", ["x"])
    assert len(github.asked(ORG_MINT)) == 1
    clock.now += 61
    client.mint(ORG, "runs-fleet-2-1", ["x"])


def test_githubs_own_limit_makes_all_wait(
    api: GitHubApi, github: ScriptedGitHub, clock: Clock
) -> None:
    client = GitHubClient(api, registrations=Registrations(180, clock=clock))
    github.say(ORG_MINT, error("403 secondary limit"))
    for runner in ("runs-fleet-1-1", "runs-fleet-2-1"):
        with pytest.raises(RateLimited):
            client.mint(ORG, runner, ["x"])
    assert len(github.asked(ORG_MINT)) == 1
