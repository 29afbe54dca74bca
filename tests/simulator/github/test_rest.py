"""REST as GitHub documents it; the fixture checks every answer against its OpenAPI description."""

import base64
import json
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from simulator.github import Drain, Fault, GitHubWorld, JobPlan, RunPlan, Settings
from tests.simulator.github.callers import LABELS, AppClient, eventually

RATES = ("limit", "remaining", "used", "reset", "resource")


def test_a_token_is_long_and_expires(app: AppClient) -> None:
    reply = app.mint(permissions={"actions": "read"}, repositories=["app"])
    assert reply.status_code == 201
    assert len(reply.json()["token"]) > 130
    assert reply.json()["token"].startswith(f"ghs_{app.world.app_id}_")
    assert reply.json()["repository_selection"] == "selected"


@pytest.mark.parametrize(
    ("claim", "from_now"),
    [("exp", 3600), ("exp", -1), ("iat", 300)],
    ids=["too long", "expired", "from the future"],
)
def test_a_jwt_of_the_wrong_time_is_refused(app: AppClient, claim: str, from_now: int) -> None:
    headers = {"Authorization": f"Bearer {app.jwt(**{claim: int(time.time()) + from_now})}"}
    assert app.http.get("/app", headers=headers).status_code == 401


def test_a_jwt_of_another_app_is_refused(app: AppClient) -> None:
    headers = {"Authorization": f"Bearer {app.jwt(iss='999')}"}
    assert app.http.get("/app", headers=headers).status_code == 404


def test_a_jwt_of_another_key_is_refused(app: AppClient) -> None:
    header, claims, mac = app.jwt().split(".")
    forged = f"{header}.{claims}.{mac[:-6]}AAAAAA"
    reply = app.http.get("/app", headers={"Authorization": f"Bearer {forged}"})
    assert (reply.status_code, "could not be decoded" in reply.text) == (401, True)


def test_revoked_tokens_are_bad_credentials(app: AppClient) -> None:
    assert app.call("GET", "/rate_limit").status_code == 200
    app.world.revoke_tokens()
    assert app.call("GET", "/rate_limit").json()["message"] == "Bad credentials"
    app.forget_token()
    assert app.call("GET", "/rate_limit").status_code == 200


def test_expired_tokens_are_bad_credentials(app: AppClient) -> None:
    app.world.configure(Settings(token_ttl=0))
    assert app.call("GET", "/rate_limit").status_code == 401


def test_a_token_without_the_permission_is_forbidden(app: AppClient) -> None:
    token = app.mint(permissions={"actions": "read"}).json()["token"]
    url = f"/orgs/{app.owner}/actions/runners"
    reply = app.http.get(url, headers={"Authorization": f"Bearer {token}"})
    assert (reply.status_code, reply.json()["message"]) == (
        403,
        "Resource not accessible by integration",
    )


@pytest.mark.parametrize(
    "path",
    ["/orgs/nobody/actions/runners", "/repos/nobody/app/actions/runners", "/orgs/nobody/actions"],
)
def test_what_is_not_ours_does_not_exist(app: AppClient, path: str) -> None:
    assert app.call("GET", path).status_code == 404


def test_a_jit_config_is_nested_and_too_long_for_a_standard_parameter(app: AppClient) -> None:
    reply = app.register("r-1", labels=["Runs-Fleet=7/cpu=2"])
    config = reply.json()["encoded_jit_config"]
    assert 4096 < len(config) < 4400
    files = json.loads(base64.b64decode(config))
    settings = json.loads(base64.b64decode(files[".runner"]))
    assert settings["AgentName"] == "r-1"
    assert settings["ServerUrlV2"].startswith(app.world.root)
    assert set(files) == {".runner", ".credentials", ".credentials_rsaparams"}
    runner = reply.json()["runner"]
    assert [label["name"] for label in runner["labels"]] == ["runs-fleet=7/cpu=2"]
    assert (runner["status"], runner["busy"], runner["os"]) == ("offline", False, "unknown")


def test_a_name_that_exists_conflicts(app: AppClient) -> None:
    app.register("r-1")
    reply = app.register("R-1")
    assert reply.status_code == 409
    assert reply.json()["message"].startswith("Already exists - A runner with the name R-1")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({"labels": []}, 422),
        ({"labels": [f"l{n}" for n in range(101)]}, 422),
        ({"labels": "linux"}, 422),
        ({"runner_group_id": "1"}, 422),
        ({"runner_group_id": 2}, 403),
        ({"runner_group_id": 99}, 404),
    ],
)
def test_a_bad_registration_is_refused(
    app: AppClient, facts: dict[str, object], status: int
) -> None:
    assert app.register("r-bad", **facts).status_code == status


def test_a_name_of_more_than_64_characters_is_refused(app: AppClient) -> None:
    assert app.register("x" * 65).status_code == 422


def test_a_missing_group_is_named(app: AppClient) -> None:
    url = f"/repos/{app.owner}/app/actions/runners/generate-jitconfig"
    reply = app.call("POST", url, json={"name": "r", "labels": ["x"]})
    assert "missing required key: runner_group_id" in reply.json()["message"]


def test_runners_are_listed_found_by_name_and_deleted(app: AppClient) -> None:
    url = f"/repos/{app.owner}/app/actions/runners"
    body = {"runner_group_id": 1, "labels": ["x"]}
    made = [app.call("POST", f"{url}/generate-jitconfig", json=body | {"name": f"r-{n}"})
            for n in range(3)]  # fmt: skip
    assert [reply.status_code for reply in made] == [201] * 3
    page = app.call("GET", url, params={"per_page": 2})
    assert (page.json()["total_count"], len(page.json()["runners"])) == (3, 2)
    rest = app.call("GET", httpx.URL(page.links["next"]["url"]).raw_path.decode())
    assert [runner["name"] for runner in rest.json()["runners"]] == ["r-2"]
    (found,) = app.call("GET", url, params={"name": "R-1"}).json()["runners"]
    assert app.call("GET", f"{url}/{found['id']}").json()["name"] == "r-1"
    assert app.call("DELETE", f"{url}/{found['id']}").status_code == 204
    assert app.call("DELETE", f"{url}/{found['id']}").status_code == 404


def test_jobs_and_runs_are_shown_listed_cancelled_and_run_again(app: AppClient) -> None:
    jobs = (JobPlan(name="unit", labels=LABELS), JobPlan(name="lint", kind="skipped"))
    run = app.world.create_run(RunPlan(repo=f"{app.owner}/app", jobs=jobs))
    url = f"/repos/{app.owner}/app/actions"
    assert app.call("GET", f"{url}/jobs/{run.jobs[0]}").json()["status"] == "queued"
    queued = app.call("GET", f"{url}/runs", params={"status": "queued"}).json()["workflow_runs"]
    assert run.run_id in [found["id"] for found in queued] or queued == []
    assert app.call("POST", f"{url}/jobs/{run.jobs[0]}/rerun").status_code == 403
    assert app.call("POST", f"{url}/runs/{run.run_id}/cancel").status_code == 202
    assert app.call("POST", f"{url}/runs/{run.run_id}/cancel").status_code == 409
    assert app.call("POST", f"{url}/jobs/{run.jobs[0]}/rerun").status_code == 201
    shown = app.call("GET", f"{url}/runs/{run.run_id}").json()
    assert (shown["run_attempt"], shown["status"]) == (2, "in_progress")
    newest = app.call("GET", f"{url}/runs/{run.run_id}/jobs").json()["jobs"]
    assert [(job["name"], job["status"]) for job in newest] == [
        ("unit", "queued"),
        ("lint", "completed"),
    ]
    every = app.call("GET", f"{url}/runs/{run.run_id}/jobs", params={"filter": "all"}).json()
    assert every["total_count"] == 4
    first = app.call("GET", f"{url}/runs/{run.run_id}/attempts/1/jobs").json()
    assert [job["id"] for job in first["jobs"]] == list(run.jobs)


def test_an_installation_is_found_by_organization_repository_and_list(app: AppClient) -> None:
    by_org = app.as_app("GET", f"/orgs/{app.owner}/installation").json()
    by_repo = app.as_app("GET", f"/repos/{app.owner}/app/installation").json()
    listed = app.as_app("GET", "/app/installations", params={"per_page": 100}).json()
    assert by_org["id"] == by_repo["id"]
    assert by_org["id"] in [found["id"] for found in listed]


def test_an_uninstalled_app_finds_nothing(app: AppClient) -> None:
    app.call("GET", "/rate_limit")
    app.world.uninstall(app.owner)
    assert app.call("GET", "/rate_limit").status_code == 401
    assert app.as_app("GET", f"/orgs/{app.owner}/installation").status_code == 404


def test_runner_groups_are_answered(app: AppClient) -> None:
    groups = app.call("GET", f"/orgs/{app.owner}/actions/runner-groups").json()
    assert groups["runner_groups"][0]["name"] == "Default"


def test_every_answer_tells_what_is_left_of_the_budget(app: AppClient) -> None:
    core = app.call("GET", f"/orgs/{app.owner}/actions/runners").headers
    registration = app.register("r-1").headers
    assert all(f"x-ratelimit-{name}" in core for name in RATES)
    assert core["x-ratelimit-remaining"] == "4999"
    assert registration["x-ratelimit-resource"] == "actions_runner_registration"
    assert registration["x-ratelimit-remaining"] == "9999"


def test_a_spent_budget_is_403_with_the_time_of_the_next(app: AppClient) -> None:
    url = f"/orgs/{app.owner}/actions/runners"
    app.call("GET", url)
    app.world.drain(Drain(remaining=1, reset_in=60))
    assert app.call("GET", url).status_code == 200
    refused = app.call("GET", url)
    assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert "API rate limit exceeded" in refused.json()["message"]
    assert app.call("GET", "/rate_limit").status_code == 200
    app.world.drain(Drain(reset_in=0))


def test_too_many_writes_a_minute_meet_the_secondary_limit(app: AppClient) -> None:
    app.call("GET", "/rate_limit")
    app.world.configure(Settings(secondary_points=10))
    statuses = [app.register(f"r-{number}").status_code for number in range(3)]
    assert statuses == [201, 201, 403]
    refused = app.register("r-4")
    assert refused.headers["retry-after"] == "60"
    assert "secondary rate limit" in refused.json()["message"]


def test_a_fault_meets_the_next_matching_call_only(app: AppClient) -> None:
    body = {"message": "Server Error"}
    app.world.fault(Fault(method="POST", path="*/generate-jitconfig", status=502, body=body))
    assert app.call("GET", f"/orgs/{app.owner}/actions/runners").status_code == 200
    assert app.register("r-1").status_code == 502
    assert app.register("r-1").status_code == 201


def test_a_reset_connection_has_no_effect(app: AppClient) -> None:
    app.mint()
    app.call("GET", "/rate_limit")
    app.world.fault(Fault(path="*/generate-jitconfig", reset=True))
    with pytest.raises(httpx.TransportError):
        app.register("r-1")
    assert app.register("r-1").status_code == 201


def test_a_lost_answer_had_its_effect(app: AppClient) -> None:
    app.call("GET", "/rate_limit")
    app.world.fault(Fault(path="*/generate-jitconfig", lose_answer=True))
    with pytest.raises(httpx.TransportError):
        app.register("r-1")
    assert app.register("r-1").status_code == 409


def test_calls_are_counted_by_route_and_status(app: AppClient) -> None:
    route = "POST /orgs/{org}/actions/runners/generate-jitconfig"
    before = app.world.books(deliveries=False).calls.get(route, {}).get("201", 0)
    app.register("r-1")
    assert app.world.books(deliveries=False).calls[route]["201"] == before + 1


def test_an_enterprise_server_has_its_api_below_a_path() -> None:
    with GitHubWorld(base_path="/api/v3") as ghes:
        ghes.install("acme/app")
        client = AppClient(ghes, "acme")
        assert ghes.api_url == f"{ghes.root}/api/v3"
        assert client.register("r-1").status_code == 201
        assert httpx.get(f"{ghes.root}/rate_limit").status_code == 404
        client.http.close()


def test_nothing_is_left_when_the_world_ends() -> None:
    with GitHubWorld() as world:
        process = world.process
    assert process is not None
    assert process.returncode == 0
    assert not world.directory.exists()


def test_the_server_ends_when_its_parent_is_killed() -> None:
    code = (
        "import os, signal\nfrom simulator.github import GitHubWorld\n"
        "world = GitHubWorld()\nworld.start()\n"
        "print(world.root, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert parent.returncode == -signal.SIGKILL
    port = int(parent.stdout.decode().strip().rpartition(":")[2])
    eventually(lambda: refuses(port))


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
