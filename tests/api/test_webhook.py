"""What the webhook endpoint answers, and what it hands over."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote_plus

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.app import create_app
from api.delivery import MOST_BYTES, signed
from intake.door import Door
from runs_fleet.errors import Refused, Unavailable
from tests.api.conftest import NEWEST, OLDER, PAYLOADS, Hook, example
from tests.intake.doors import ScriptedDoor


def event_of(file: Path) -> str:
    return "workflow_job" if file.parent.name == "synthetic" else file.name.partition(".")[0]


BODIES_OF_GITHUB = [
    pytest.param(file.read_bytes(), event_of(file), id=file.stem)
    for file in sorted(PAYLOADS.glob("*/*.json"))
]
JOB = 12877621891
NO_SIGNATURE = {"x_hub_signature_256": ""}
OLD_ONE = "sha1=7d38cdd689735b008b3c702edd92eea23791c5f6"


@pytest.mark.parametrize(("body", "event"), BODIES_OF_GITHUB)
async def test_every_body_of_github_is_taken(hook: Hook, body: bytes, event: str) -> None:
    answer = await hook.post(body, event=event)
    assert answer.status_code in {200, 202}


async def test_a_queued_job_is_handed_over_and_told_so(hook: Hook, door: ScriptedDoor) -> None:
    answer = await hook.send(example("01-queued"))
    assert answer.status_code == 202
    assert answer.json() == {"result": "started", "job": JOB, "reason": ""}
    assert [job.job_id for job in door.jobs] == [JOB]
    assert door.jobs[0].delivery == "4d8ed510-a74e-11f1-9e4b-bb84feffa688"


async def test_a_job_that_moves_on_is_handed_over(hook: Hook, door: ScriptedDoor) -> None:
    answer = await hook.send(example("03-completed-success"))
    assert answer.json()["result"] == "signalled"
    assert [moved.event.conclusion for moved in door.moves] == ["success"]


@pytest.mark.parametrize(
    ("event", "payload", "reason"),
    [
        ("ping", {"zen": "Design for failure."}, "ping"),
        ("push", {"ref": "refs/heads/main"}, "unknown_event"),
        ("workflow_job", {"action": "danced"}, "unknown_action"),
        ("workflow_job", example("10-waiting"), "waiting"),
        ("workflow_job", example("09-queued-but-status-waiting"), "waiting"),
        ("workflow_job", example("01-queued", labels=["ubuntu-latest"]), "not_ours"),
        ("workflow_job", example("03-completed-success", labels=[]), "not_ours"),
    ],
)
async def test_what_needs_nothing_is_acknowledged(
    hook: Hook, door: ScriptedDoor, event: str, payload: object, reason: str
) -> None:
    answer = await hook.send(payload, event=event)
    assert answer.status_code == 200
    assert (answer.json()["result"], answer.json()["reason"]) == ("ignored", reason)
    assert (door.jobs, door.moves) == ([], [])


async def test_a_form_is_read_like_json(hook: Hook, door: ScriptedDoor) -> None:
    body = b"payload=" + quote_plus(json.dumps(example("01-queued"))).encode()
    answer = await hook.post(body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 202
    assert len(door.jobs) == 1


@pytest.mark.parametrize("secret", [NEWEST, OLDER])
async def test_every_secret_is_good_while_they_rotate(hook: Hook, secret: str) -> None:
    hook.secret = secret
    assert (await hook.send(example("01-queued"))).status_code == 202


@pytest.mark.parametrize(
    "signature", ["", "sha256=", "sha256=" + "0" * 64, OLD_ONE, signed(b"{}", b"x"), "sha256=é"]
)
async def test_without_the_right_signature_nothing_is_read(
    hook: Hook, door: ScriptedDoor, signature: str
) -> None:
    body = json.dumps(example("01-queued")).encode()
    answer = await hook.post(body, x_hub_signature_256=signature)
    assert (answer.status_code, answer.json()["result"]) == (401, "unsigned")
    assert door.jobs == []


async def test_without_any_secret_nothing_is_signed(door: ScriptedDoor) -> None:
    transport = httpx.ASGITransport(create_app(door, secrets=[]))
    async with httpx.AsyncClient(transport=transport, base_url="http://fleet") as http:
        answer = await Hook(http, secret="").send(example("01-queued"))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"null", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"{}", {"x_github_event": ""}, 400),
        (b'{"action": "queued"}', {}, 422),
        (b'{"action": "completed", "workflow_job": {"id": "x"}}', {}, 422),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"nothing=1", {"content_type": "application/x-www-form-urlencoded"}, 400),
        (b"a=1&" * 11, {"content_type": "application/x-www-form-urlencoded"}, 400),
        (b"payload=%7B", {"content_type": "application/x-www-form-urlencoded"}, 400),
        (b"payload=%FF", {"content_type": "application/x-www-form-urlencoded"}, 400),
    ],
)
async def test_what_github_never_sends_is_turned_away(
    hook: Hook, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await hook.post(body, **headers)
    assert answer.status_code == status
    assert answer.json()["reason"]


async def test_a_body_of_two_mebibytes_is_read(hook: Hook) -> None:
    body = b'{"action": "none"' + b" " * (MOST_BYTES - 18) + b"}"
    assert (await hook.post(body)).status_code == 200


async def test_a_larger_body_is_not_read_to_its_end(http: httpx.AsyncClient) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b" " * 65536

    answer = await http.post("/webhook", content=chunks())
    assert (answer.status_code, answer.json()["result"]) == (413, "too_large")
    assert sent < 50


async def test_only_posts_are_deliveries(http: httpx.AsyncClient) -> None:
    assert (await http.get("/webhook")).status_code == 405


async def test_a_closed_door_asks_for_the_delivery_again(hook: Hook, door: ScriptedDoor) -> None:
    door.error = Unavailable("Temporal answered UNAVAILABLE: connection refused")
    answer = await hook.send(example("01-queued"))
    assert (answer.status_code, answer.json()["result"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "connection refused" in answer.json()["reason"]


async def test_a_door_that_never_answers_is_not_waited_for(hook: Hook, door: ScriptedDoor) -> None:
    door.shut = True
    answer = await hook.send(example("03-completed-success"))
    assert answer.status_code == 503
    assert "0.2 seconds" in answer.json()["reason"]


async def test_what_temporal_can_never_take_is_not_asked_for_again(
    hook: Hook, door: ScriptedDoor
) -> None:
    door.error = Refused("Temporal answered INVALID_ARGUMENT: too large")
    answer = await hook.send(example("01-queued"))
    assert (answer.status_code, answer.json()["result"]) == (422, "not_accepted")


async def test_health_does_not_depend_on_temporal(
    http: httpx.AsyncClient, door: ScriptedDoor
) -> None:
    door.error = Unavailable("gone")
    assert (await http.get("/health")).json() == {"status": "ok"}


async def test_ready_says_whether_deliveries_can_be_taken(
    http: httpx.AsyncClient, door: ScriptedDoor
) -> None:
    assert (await http.get("/ready")).status_code == 200
    door.error = Unavailable("not connected to Temporal yet")
    answer = await http.get("/ready")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "not connected to Temporal yet"


async def test_deliveries_are_counted_by_what_became_of_them(hook: Hook) -> None:
    await hook.send(example("01-queued"))
    await hook.send(example("01-queued"))
    await hook.send(example("10-waiting"))
    await hook.send({"action": "x" * 1000}, event="y" * 1000)
    await hook.post(b"{}", **NO_SIGNATURE)
    lines = (await hook.http.get("/metrics")).text.splitlines()
    total = "runs_fleet_webhook_deliveries_total"
    assert {
        f'{total}{{action="queued",event="workflow_job",result="started"}} 1.0',
        f'{total}{{action="queued",event="workflow_job",result="known"}} 1.0',
        f'{total}{{action="waiting",event="workflow_job",result="ignored"}} 1.0',
        f'{total}{{action="other",event="other",result="ignored"}} 1.0',
        f'{total}{{action="",event="workflow_job",result="unsigned"}} 1.0',
        'runs_fleet_webhook_ignored_total{reason="waiting"} 1.0',
        'runs_fleet_webhook_ack_seconds_count{result="started"} 1.0',
    } - set(lines) == set()


async def test_a_secret_is_in_no_log(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    await hook.post(b"{}", **NO_SIGNATURE)
    assert "delivery turned away" in caplog.text
    assert NEWEST not in str([vars(record) for record in caplog.records])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.builds(
        lambda action, job, more: json.dumps({"action": action, "workflow_job": job} | more),
        st.sampled_from(["queued", "in_progress", "completed"]),
        st.dictionaries(
            st.sampled_from(["id", "run_id", "labels", "status", "name", "started_at", "x"]), JSON
        ),
        st.dictionaries(st.sampled_from(["repository", "organization", "installation"]), JSON),
    ).map(str.encode),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, event=st.sampled_from(["workflow_job", "ping", "push"]))
async def test_no_signed_body_is_an_error_of_ours(hook: Hook, body: bytes, event: str) -> None:
    answer = await hook.post(body, event=event)
    assert answer.status_code in {200, 202, 400, 422}


async def test_a_burst_is_taken_side_by_side(hook: Hook, door: ScriptedDoor) -> None:
    answers = await asyncio.gather(
        *(hook.send(example("01-queued", id=number)) for number in range(1, 51))
    )
    assert {answer.json()["result"] for answer in answers} == {"started"}
    assert len(door.jobs) == 50


def test_the_scripted_door_is_a_door(door: ScriptedDoor) -> None:
    real: Door = door
    assert real
