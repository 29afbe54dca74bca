"""What GitHub and an operator see of the spool."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from api.app import create_app
from api.metrics import Metrics
from intake.breaker import Breaker
from intake.spool import Spool
from intake.spooled import SpooledDoor
from runs_fleet.errors import Unavailable
from tests.api.conftest import NEWEST, Hook, example
from tests.intake.doors import ScriptedDoor
from tests.intake.outbox import MemoryOutbox

AWAY = Unavailable("Temporal answered UNAVAILABLE: connection refused")


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest_asyncio.fixture
async def http(door: ScriptedDoor, outbox: MemoryOutbox) -> AsyncIterator[httpx.AsyncClient]:
    """An application as the program makes it, with a spool."""
    breaker, spool = Breaker(failures=2), Spool(outbox)
    metrics = Metrics(away=lambda: breaker.is_open)
    spooled = SpooledDoor(door, spool, breaker=breaker, on_spooled=metrics.spooled)
    transport = httpx.ASGITransport(
        create_app(spooled, secrets=[SecretStr(NEWEST)], metrics=metrics)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://fleet") as client:
        yield client
    spool.close()


async def test_a_spooled_delivery_is_acknowledged(
    hook: Hook, door: ScriptedDoor, outbox: MemoryOutbox
) -> None:
    door.error = AWAY
    answer = await hook.send(example("01-queued", id=5))
    assert (answer.status_code, answer.json()["result"]) == (202, "spooled")
    assert [letter.group for letter in outbox.letters] == ["5"]
    assert NEWEST not in outbox.letters[0].body


async def test_when_both_are_away_the_delivery_should_come_again(
    hook: Hook, door: ScriptedDoor, outbox: MemoryOutbox
) -> None:
    door.error, outbox.error = AWAY, Unavailable("no such host")
    assert (await hook.send(example("01-queued"))).status_code == 503
    assert (await hook.http.get("/ready")).status_code == 503


async def test_it_is_ready_by_the_spool_alone(hook: Hook, door: ScriptedDoor) -> None:
    door.error = AWAY
    await hook.send(example("01-queued"))
    assert (await hook.http.get("/ready")).status_code == 200


async def test_what_is_spooled_is_counted_and_why(hook: Hook, door: ScriptedDoor) -> None:
    door.error = AWAY
    for job_id in (1, 2, 3):
        await hook.send(example("01-queued", id=job_id))
    lines = (await hook.http.get("/metrics")).text.splitlines()
    total = "runs_fleet_webhook_deliveries_total"
    assert {
        f'{total}{{action="queued",event="workflow_job",result="spooled"}} 3.0',
        'runs_fleet_webhook_spooled_total{reason="unavailable"} 2.0',
        'runs_fleet_webhook_spooled_total{reason="away"} 1.0',
        "runs_fleet_temporal_away 1.0",
    } - set(lines) == set()
