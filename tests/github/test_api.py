"""Limits, redirects and failures, as every call meets them."""

from socket import create_server

import httpx
import pytest

from runs_fleet.errors import RateLimited, Refused, Unavailable
from runs_fleet.github.api import GitHubApi
from runs_fleet.github.auth import AppKey
from runs_fleet.github.client import GitHubClient
from runs_fleet.models import Scope
from tests.github.calls import FINE, JOB, MINT, MINTED, OTHER, SCOPE
from tests.github.scripted import Clock, Reply, ScriptedGitHub, error

FULL_CORE = {"x-ratelimit-remaining": "0", "x-ratelimit-resource": "core"}


@pytest.mark.parametrize(
    ("reply", "after"),
    [
        (error("403 secondary limit"), 60),
        (Reply(429, {"message": "slow down"}, {"retry-after": "7"}), 7),
        (Reply(429), 60),
        (Reply(403, {"message": "You have exceeded a secondary rate limit."}), 60),
        (Reply(403, {"message": "limit"}, {"x-ratelimit-remaining": "0"}), 60),
        (Reply(429, None, {"retry-after": "soon"}), 60),
        (Reply(429, None, {"retry-after": "999999"}), 3900),
    ],
)
def test_a_rate_limit_says_how_long(
    client: GitHubClient, github: ScriptedGitHub, reply: Reply, after: float
) -> None:
    github.say(JOB, reply)
    with pytest.raises(RateLimited) as caught:
        client.job(SCOPE, 1)
    assert caught.value.after == after


def test_the_primary_limit_ends_at_its_reset(
    client: GitHubClient, github: ScriptedGitHub, clock: Clock
) -> None:
    clock.now = 1_795_440_600.0
    github.say(JOB, error("403 primary limit"))
    with pytest.raises(RateLimited) as caught:
        client.job(SCOPE, 1)
    assert caught.value.after == pytest.approx(63)


def test_while_one_waits_nobody_calls(
    client: GitHubClient, github: ScriptedGitHub, clock: Clock
) -> None:
    github.say(JOB, error("403 secondary limit"), FINE)
    github.say(MINT, MINTED)
    with pytest.raises(RateLimited):
        client.job(SCOPE, 1)
    clock.now += 20
    with pytest.raises(RateLimited) as caught:
        client.mint(SCOPE, "runs-fleet-1-1", ["x"])
    assert caught.value.after == pytest.approx(40)
    assert len(github.asked(MINT)) == 0
    clock.now += 41
    assert client.job(SCOPE, 1).phase == "completed"


def test_one_installation_does_not_wait_for_another(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(JOB, error("403 secondary limit"), FINE)
    with pytest.raises(RateLimited):
        client.job(SCOPE, 1)
    assert client.job(OTHER, 1).phase == "completed"


def test_spent_lookups_do_not_keep_runners_from_registering(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    github.say(JOB, Reply(403, {"message": "API rate limit exceeded"}, FULL_CORE))
    github.say(MINT, MINTED)
    with pytest.raises(RateLimited):
        client.job(SCOPE, 1)
    assert client.mint(SCOPE, "runs-fleet-1-1", ["x"]).runner_id == 23
    with pytest.raises(RateLimited):
        client.job(SCOPE, 1)
    assert len(github.asked(JOB)) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(502, raw=b"<html>Unicorn!</html>"),
        Reply(503, {"message": "x"}, {"retry-after": "5"}),
        Reply(408),
        Reply(304),
        Reply(cut=True),
        Reply(200, raw=b"<html>"),
        Reply(200, raw=b""),
        Reply(200, []),
        Reply(200, {"id": "no number", "status": 3}),
    ],
)
def test_what_makes_no_sense_is_asked_again_later(
    client: GitHubClient, github: ScriptedGitHub, reply: Reply
) -> None:
    github.say(JOB, reply)
    with pytest.raises(Unavailable):
        client.job(SCOPE, 1)


@pytest.mark.parametrize("status", [400, 403, 409, 410, 422, 451])
def test_what_never_will_be_is_refused(
    client: GitHubClient, github: ScriptedGitHub, status: int
) -> None:
    github.say(JOB, Reply(status, {"message": "Resource not accessible by integration"}))
    with pytest.raises(Refused, match=f"{status}: Resource not accessible"):
        client.job(SCOPE, 1)


def test_nobody_at_home_is_unavailable(app: AppKey) -> None:
    calls: list[int] = []
    with create_server(("127.0.0.1", 0)) as socket:
        port = socket.getsockname()[1]
    api = GitHubApi(
        f"http://127.0.0.1:{port}", app, on_call=lambda _m, _r, status: calls.append(status)
    )
    with pytest.raises(Unavailable, match="ConnectError"):
        GitHubClient(api).job(SCOPE, 1)
    assert calls == [0]
    api.close()


def test_silence_ends_in_unavailable(github: ScriptedGitHub, app: AppKey, clock: Clock) -> None:
    github.open.clear()
    api = GitHubApi(github.url, app, http=httpx.Client(timeout=0.1), clock=clock)
    with pytest.raises(Unavailable, match="ReadTimeout"):
        GitHubClient(api).job(SCOPE, 1)
    api.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_renamed_repository_is_followed(
    client: GitHubClient, github: ScriptedGitHub, status: int
) -> None:
    moved = {"Location": f"{github.url}/repositories/5/actions/jobs/1"}
    github.say(JOB, Reply(status, None, moved))
    github.say("GET /repositories/5/actions/jobs/1", FINE)
    assert client.job(SCOPE, 1).phase == "completed"


@pytest.mark.parametrize("status", [307, 308])
def test_a_registration_is_repeated_whole_at_the_new_place(
    client: GitHubClient, github: ScriptedGitHub, status: int
) -> None:
    there = "/repositories/5/actions/runners/generate-jitconfig"
    github.say(MINT, Reply(status, None, {"Location": there}))
    github.say(f"POST {there}", MINTED)
    client.mint(SCOPE, "runs-fleet-1-1", ["x"])
    assert github.asked(f"POST {there}")[0].body["name"] == "runs-fleet-1-1"


def test_no_token_follows_a_redirect_to_another_host(
    client: GitHubClient, github: ScriptedGitHub
) -> None:
    with create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        port = elsewhere.getsockname()[1]
        github.say(JOB, Reply(307, None, {"Location": f"http://127.0.0.1:{port}/x"}))
        with pytest.raises(Unavailable, match="another host"):
            client.job(SCOPE, 1)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_redirects_in_circles_end(client: GitHubClient, github: ScriptedGitHub) -> None:
    github.say(JOB, Reply(301, None, {"Location": "/repos/octocat/hello/actions/jobs/1"}))
    with pytest.raises(Unavailable, match="circles"):
        client.job(SCOPE, 1)
    assert len(github.asked(JOB)) == 4


def test_enterprise_server_is_asked_below_its_prefix(
    github: ScriptedGitHub, app: AppKey, clock: Clock
) -> None:
    v3 = "/api/v3"
    github.say(f"GET {v3}/repos/octocat/hello/installation", Reply(200, {"id": 7}))
    github.say(f"GET {v3}/repos/octocat/hello/actions/jobs/1", FINE)
    api = GitHubApi(f"{github.url}{v3}/", app, clock=clock)
    GitHubClient(api).job(Scope(repo="octocat/hello"), 1)
    assert [seen.path for seen in github.seen] == [
        "/api/v3/repos/octocat/hello/installation",
        "/api/v3/app/installations/7/access_tokens",
        "/api/v3/repos/octocat/hello/actions/jobs/1",
    ]
    api.close()


def test_every_call_is_counted_by_its_route(
    client: GitHubClient, github: ScriptedGitHub, calls: list[tuple[str, str, int]]
) -> None:
    github.say(JOB, FINE)
    client.job(SCOPE, 1)
    assert calls == [
        ("POST", "/app/installations/{id}/access_tokens", 201),
        ("GET", "/repos/{repo}/actions/jobs/{job}", 200),
    ]
