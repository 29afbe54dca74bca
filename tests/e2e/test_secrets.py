"""No JIT config, token or key where anybody could read it."""

import base64

import pytest

from tests.e2e.fleet import POOLS, Fleet
from tests.e2e.leaks import leaks, places_of, plain, secrets_of
from tests.e2e.processes import watched_arguments

pytestmark = pytest.mark.e2e


async def test_no_secret_shows_in_histories_logs_tags_or_arguments(fleet: Fleet) -> None:
    with watched_arguments() as arguments:
        await all_sorts_of_jobs(fleet)
    secrets = secrets_of(fleet)
    places = await places_of(fleet) | {"arguments": "\n".join(arguments)}
    assert [kind for kind, held in secrets.items() if not any(held)] == []
    assert sum(place.startswith("history of") for place in places) >= 4
    assert sum(place.endswith("agent.log") for place in places) >= 4
    assert "Runner.Listener" in places["arguments"]
    assert leaks(secrets, places) == []


@pytest.mark.parametrize("quoted", [slice(None), slice(1000, 2100), slice(2000, None)])
def test_a_leak_would_be_found_even_in_part_and_inside_a_payload(quoted: slice) -> None:
    secret = base64.b64encode(bytes(range(256)) * 12).decode()
    payload = base64.b64encode(f"config: {secret[quoted]}".encode()).decode()
    places = {"here": plain(f'{{"data": "{payload}"}}'), "there": "nothing"}
    assert leaks({"config": [secret]}, places) == ["config in here"]


async def all_sorts_of_jobs(fleet: Fleet) -> None:
    """Let jobs succeed, fail, be cancelled and be robbed."""
    label = f"runs-fleet/cpu=2/pool={next(POOLS)}"
    jobs = [fleet.send(), fleet.send(conclusion="failure"), fleet.send(label=label)]
    fleet.github.steal((label,), repo="acme/app")
    cancelled = fleet.send(seconds=30)
    await fleet.running(cancelled)
    fleet.github.cancel_job(cancelled)
    for job_id in [*jobs, cancelled]:
        await fleet.outcome(job_id)
