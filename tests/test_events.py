"""What a webhook body asks for, with GitHub's own bodies as examples."""

import json
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.github import events
from runs_fleet.github.events import BadPayload, Decision, Ignored, JobMoved, JobQueued
from runs_fleet.labels import Refusal, Request
from runs_fleet.models import Scope, Span

PAYLOADS = Path(__file__).parent / "github" / "payloads"
FILES = sorted(PAYLOADS.glob("*/*.json"))
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
JOB = 12877621891
Payload = dict[str, Any]


def example(name: str) -> Payload:
    return dict(json.loads((PAYLOADS / "synthetic" / f"{name}.json").read_text()))


def read(payload: object, event: str = "workflow_job") -> Decision:
    return events.read(event, json.dumps(payload).encode(), delivery="guid", received_at=NOON)


def queued(**changes: Any) -> JobQueued:
    payload = example("01-queued")
    payload["workflow_job"] |= changes
    decision = read(payload)
    assert isinstance(decision, JobQueued), decision
    return decision


def moved(name: str, **changes: Any) -> JobMoved:
    payload = example(name)
    payload["workflow_job"] |= changes
    decision = read(payload)
    assert isinstance(decision, JobMoved), decision
    return decision


def kind(file: Path) -> str:
    return "workflow_job" if file.parent.name == "synthetic" else file.name.partition(".")[0]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_body_of_github_is_understood(file: Path) -> None:
    assert events.read(kind(file), file.read_bytes(), delivery="guid", received_at=NOON)


def test_a_queued_job_of_ours_is_read_whole() -> None:
    job = queued()
    assert (job.job_id, job.run_id, job.run_attempt) == (JOB, 4747967848, 1)
    assert (job.name, job.workflow, job.delivery) == ("test", "Env Test", "guid")
    assert job.labels == ("self-hosted", "Linux", "runs-fleet/cpu=4/arch=arm64/pool=default")
    assert job.queued_at == datetime(2023, 4, 19, 21, 12, 12, tzinfo=UTC)
    assert job.delivered_at == NOON
    assert job.scope == Scope(
        repo="lineville/elastic-machines-testing", installation_id=job.scope.installation_id
    )
    assert isinstance(job.asked, Request)
    assert job.asked.spec.cpu == Span(least=4, most=8)


def test_a_job_of_an_organization_registers_there() -> None:
    decision = read(example("01-queued") | {"organization": {"login": "octo-org", "id": 1}})
    assert isinstance(decision, JobQueued)
    assert decision.scope.org == "octo-org"


@pytest.mark.parametrize("installation", [{}, {"installation": None}])
def test_a_repository_hook_has_no_installation(installation: Payload) -> None:
    payload = example("01-queued")
    del payload["installation"]
    decision = read(payload | installation)
    assert isinstance(decision, JobQueued)
    assert decision.scope.installation_id is None


def test_a_bad_label_is_a_refusal_not_an_error() -> None:
    asked = queued(labels=["runs-fleet/cpus=4"]).asked
    assert isinstance(asked, Refusal)
    assert "did you mean 'cpu'" in asked.message


def test_a_payload_of_2021_is_enough() -> None:
    payload = example("01-queued")
    newer = {"run_attempt", "created_at", "head_branch", "workflow_name"}
    job = {key: value for key, value in payload["workflow_job"].items() if key not in newer}
    decision = read(payload | {"workflow_job": job})
    assert isinstance(decision, JobQueued)
    assert (decision.run_attempt, decision.workflow) == (1, "")
    assert decision.queued_at == datetime(2023, 4, 19, 21, 12, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("created_at", "expected"),
    [
        ("2026-04-30T10:00:00Z", datetime(2026, 4, 30, 10, tzinfo=UTC)),
        ("2026-04-30T10:00:00.123Z", datetime(2026, 4, 30, 10, 0, 0, 123000, tzinfo=UTC)),
        ("2026-04-30T02:00:00-08:00", datetime(2026, 4, 30, 10, tzinfo=UTC)),
        ("2026-04-30T10:00:00", datetime(2026, 4, 30, 10, tzinfo=UTC)),
        (1777543200, datetime(2026, 4, 30, 10, tzinfo=UTC)),
        (None, NOON),
        ("0001-01-01T00:00:00Z", NOON),
        ("2026-05-01T12:00:03Z", NOON),
        ("9999-12-31T23:59:59-23:00", NOON),
    ],
)
def test_the_time_of_queueing_is_never_after_its_news(created_at: object, expected: Any) -> None:
    assert queued(created_at=created_at, started_at=None).queued_at == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (example("09-queued-but-status-waiting"), "waiting"),
        (example("10-waiting"), "waiting"),
        (example("01-queued") | {"action": "danced"}, "unknown_action"),
        (example("01-queued") | {"action": 7}, "unknown_action"),
        ({"zen": "Keep it logically awesome."}, "unknown_action"),
    ],
)
def test_what_asks_for_nothing_is_ignored(payload: Payload, reason: str) -> None:
    decision = read(payload)
    assert isinstance(decision, Ignored)
    assert decision.reason == reason


@pytest.mark.parametrize(
    ("event", "reason"), [("ping", "ping"), ("push", "unknown_event"), ("", "unknown_event")]
)
def test_other_events_are_ignored(event: str, reason: str) -> None:
    assert read({}, event) == Ignored(reason=reason)


@pytest.mark.parametrize("status", ["in_progress", "completed", "pending", "requested"])
def test_only_a_job_that_is_still_queued_asks_for_a_runner(status: str) -> None:
    payload = example("01-queued")
    payload["workflow_job"]["status"] = status
    assert read(payload) == Ignored(reason="not_queued", job_id=JOB)


@pytest.mark.parametrize("action", ["queued", "in_progress", "completed"])
@pytest.mark.parametrize("labels", [[], None, ["ubuntu-latest"], ["runs-fleet-x"]])
def test_jobs_of_others_are_ignored(action: str, labels: object) -> None:
    payload = example("01-queued") | {"action": action}
    payload["workflow_job"]["labels"] = labels
    assert read(payload) == Ignored(reason="not_ours", job_id=JOB)


@pytest.mark.parametrize(
    ("name", "phase", "conclusion", "runner"),
    [
        ("02-in_progress", "in_progress", None, "fleet-r-101"),
        ("03-completed-success", "completed", "success", "fleet-r-101"),
        ("04-completed-failure", "completed", "failure", "fleet-r-101"),
        ("05-cancelled-never-started", "completed", "cancelled", None),
        ("06-skipped-no-queued", "completed", "skipped", None),
        ("15-stolen-by-foreign-runner", "in_progress", None, "somebody-elses-runner"),
    ],
)
def test_a_job_moves_on(name: str, phase: str, conclusion: str | None, runner: str | None) -> None:
    told = moved(name)
    assert told.ours
    assert (told.event.job_id, told.event.phase) == (JOB, phase)
    assert (told.event.conclusion, told.event.runner_name) == (conclusion, runner)


def test_a_runner_of_ours_that_took_a_foreign_job_is_told_of() -> None:
    told = moved("02-in_progress", labels=["linux"], runner_name="runs-fleet-7-1")
    assert not told.ours
    assert told.event.runner_name == "runs-fleet-7-1"


@pytest.mark.parametrize(
    ("body", "syntax"),
    [
        (b"", True),
        (b"{", True),
        (b"[]", True),
        (b"null", True),
        (b"\xff\xfe", True),
        (b"[" * 10_000, True),
        (b'{"action": "\\ud800"}', True),
        (b'{"action": "queued"}', False),
        (b'{"action": "queued", "workflow_job": []}', False),
        (b'{"action": "completed", "workflow_job": {"id": 0}}', False),
        (b'{"action": "completed", "workflow_job": {"id": "7"}}', False),
        (b'{"action": "completed", "workflow_job": {"id": 9223372036854775808}}', False),
        (b'{"action": "completed", "workflow_job": {"id": 7, "labels": [1]}}', False),
    ],
)
def test_a_body_that_github_never_sends_is_bad(body: bytes, syntax: bool) -> None:
    with pytest.raises(BadPayload) as caught:
        events.read("workflow_job", body, delivery="guid", received_at=NOON)
    assert caught.value.syntax is syntax
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("full_name", ["", "no-slash", "a/b/c", "a/../b", "o wner/repo", "a/b\n"])
def test_a_repository_that_cannot_be_one_is_bad(full_name: str) -> None:
    payload = example("01-queued") | {"repository": {"full_name": full_name}}
    with pytest.raises(BadPayload, match=r"repository\.full_name"):
        read(payload)


def test_long_and_strange_names_are_made_to_fit() -> None:
    assert queued(name="a\x00b\n" + "c" * 9000).name == "a b " + "c" * 246


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
SPOTS = [
    ("workflow_job", field)
    for field in ("id", "run_id", "run_attempt", "status", "labels", "name", "created_at")
] + [("repository", "full_name"), ("installation", "id")]


@given(spot=st.sampled_from(SPOTS), value=JSON, action=st.sampled_from(["queued", "completed"]))
def test_a_strange_value_anywhere_is_read_or_bad(
    spot: tuple[str, str], value: object, action: str
) -> None:
    payload = deepcopy(example("01-queued")) | {"action": action}
    payload[spot[0]][spot[1]] = value
    body = json.dumps(payload).encode()
    with suppress(BadPayload):
        assert events.read("workflow_job", body, delivery="guid", received_at=NOON)


def test_a_job_knows_its_commit() -> None:
    assert queued(head_sha="a" * 40).head_sha == "a" * 40


@pytest.mark.parametrize("odd", [None, "", "main", 7, "A" * 40, "a" * 41, ["a" * 40]])
def test_an_odd_commit_is_none(odd: object) -> None:
    assert queued(head_sha=odd).head_sha == ""
