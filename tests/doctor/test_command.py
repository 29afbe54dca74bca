"""The whole command: what it says of a world that is well, of one that is not, and of secrets."""

from pathlib import Path

import pytest

from cli import doctor as command
from simulator.github import GitHubWorld
from simulator.temporal import TemporalServer
from tests.doctor.conftest import REPORT_SECRET, Doctor, Environ, once_all_is_well, working

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

# Nobody listens at a port that only root could open.
NOBODY = "127.0.0.1:1"


async def test_where_all_is_well_it_says_so(
    doctor: Doctor, environ: Environ, temporal_server: TemporalServer
) -> None:
    async with working(temporal_server, environ["TEMPORAL_NAMESPACE"], mode="ec2"):
        told = await once_all_is_well(doctor, environ)
    assert {name: each for name, each in told.found.items() if each["status"] != "ok"} == {}
    assert told.status == 0
    assert [*told.found] == command.names("ec2")


async def test_it_never_shows_a_secret(
    doctor: Doctor, environ: Environ, github: GitHubWorld
) -> None:
    told = await doctor(environ)
    secrets = [*github.webhook_secrets, *github.minted().tokens, REPORT_SECRET]
    assert [secret for secret in secrets if secret in told.out] == []
    assert "PRIVATE KEY" not in told.out


@pytest.mark.parametrize(
    ("broken", "check", "words"),
    [
        ({"TEMPORAL_ADDRESS": NOBODY}, "Temporal server", NOBODY),
        ({"TEMPORAL_NAMESPACE": "nowhere"}, "Temporal namespace", "no namespace 'nowhere'"),
        ({"RUNS_FLEET_GITHUB_API_URL": f"http://{NOBODY}"}, "GitHub API", "ConnectError"),
        ({"RUNS_FLEET_GITHUB_APP_ID": "4711"}, "GitHub App", "Integration not found"),
        ({"AWS_ENDPOINT_URL": f"http://{NOBODY}"}, "AWS credentials", "EndpointConnectionError"),
        ({"RUNS_FLEET_EC2_SUBNETS": ""}, "worker settings", "RUNS_FLEET_EC2_SUBNETS: missing"),
        ({"RUNS_FLEET_WEBHOOK_SECRETS": "short"}, "API settings", "RUNS_FLEET_WEBHOOK_SECRETS"),
    ],
)
async def test_what_cannot_be_reached_is_named_with_what_to_do(
    doctor: Doctor, environ: Environ, broken: Environ, check: str, words: str
) -> None:
    told = await doctor({**environ, **broken})
    assert told.status == 2
    assert told.found[check]["status"] == "failed"
    assert words in told.found[check]["said"]
    assert told.found[check]["cure"]


async def test_checks_behind_a_closed_door_are_skipped_and_the_others_made(
    doctor: Doctor, environ: Environ
) -> None:
    told = await doctor({**environ, "TEMPORAL_ADDRESS": NOBODY})
    assert [told.found[check]["status"] for check in ("retention", "task queue")] == ["skipped"] * 2
    assert [told.found[check]["status"] for check in ("App events", "subnets")] == ["ok"] * 2


async def test_the_key_of_another_app_is_named(
    doctor: Doctor, environ: Environ, tmp_path: Path
) -> None:
    with GitHubWorld(directory=tmp_path) as other:
        told = await doctor({**environ, "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE": str(other.key_file)})
    assert told.found["GitHub App"]["status"] == "failed"
    assert "must be of one App" in told.found["GitHub App"]["cure"]


async def test_every_mistake_in_the_settings_is_a_line(doctor: Doctor, environ: Environ) -> None:
    wrong = {"RUNS_FLEET_EC2_SUBNETS": "", "RUNS_FLEET_TYPO": "1", "RUNS_FLEET_GITHUB_SCOPE": "x"}
    told = await doctor({**environ, **wrong})
    lines = told.found["worker settings"]["said"].splitlines()
    assert sorted(line.partition(":")[0] for line in lines) == sorted(wrong)
    assert told.found["subnets"]["status"] == "skipped"
