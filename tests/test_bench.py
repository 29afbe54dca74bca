"""The benchmarks count by Temporal's rules and say plainly what they found."""

import json
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes, HistoryEvent

from bench import audit, report, warm
from bench.audit import AuditLog, Call
from bench.clusters import last_change
from bench.figures import Aim, Result, shown, spread
from bench.histories import cost
from bench.host import Host, describe
from simulator.aws.models import MachineRecord, State
from simulator.kube.api import AGENT

HOST = Host(
    cpu="a CPU", cores=2, memory_gib=4, system="Linux", python="3.11", packages={}, load=0,
    busy_cores=0,
)  # fmt: skip


def event(kind: str, *, attempt: int = 1) -> HistoryEvent:
    started = ActivityTaskStartedEventAttributes(attempt=attempt)
    return HistoryEvent(
        event_type=EventType.Value(f"EVENT_TYPE_{kind}"),
        activity_task_started_event_attributes=started if "TASK_STARTED" in kind else None,
    )


WORKER, CONTROLLER = "python-urllib3/2", "kube-controller-manager/v1.36.2"
RUNNER = "runs-fleet-7-1"


def line(verb: str = "create", *, namespace: str = "ours", **more: Any) -> bytes:
    """One call as an API server writes it down."""
    said = {
        "stage": "ResponseComplete",
        "verb": verb,
        "userAgent": WORKER,
        "objectRef": {"resource": "jobs", "namespace": namespace, "name": RUNNER},
        "responseStatus": {"code": 201},
        "stageTimestamp": "2026-01-01T00:00:01.250000Z",
    }
    return json.dumps(said | more).encode() + b"\n"


def call(verb: str = "create", resource: str = "jobs", **more: Any) -> Call:
    usual: dict[str, Any] = {"at": 1.0, "name": RUNNER, "by": WORKER, "status": 201}
    return Call(verb=verb, resource=resource, **(usual | more))


def found(value: float) -> report.Report:
    result = Result(
        title="Latency, ms",
        columns=("load", "p99"),
        rows=[("20/s", value)],
        aims=[Aim(name="p99", value=value, at_most=60, unit="ms")],
    )
    return report.Report(host=HOST, seconds=1, results=[result])


@pytest.mark.parametrize(
    ("kind", "actions"),
    [
        ("WORKFLOW_EXECUTION_STARTED", {"start": 1}),
        ("ACTIVITY_TASK_SCHEDULED", {"activity": 1}),
        ("TIMER_STARTED", {"timer": 1}),
        ("WORKFLOW_EXECUTION_SIGNALED", {"signal": 1}),
        ("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES", {"search attributes": 1}),
        ("WORKFLOW_TASK_COMPLETED", {}),
        ("TIMER_FIRED", {}),
    ],
)
def test_each_event_is_billed_as_temporal_does(kind: str, actions: dict[str, int]) -> None:
    assert cost([event(kind)]).actions == actions


def test_further_tries_of_an_activity_are_billed() -> None:
    counted = cost([event("ACTIVITY_TASK_SCHEDULED"), event("ACTIVITY_TASK_STARTED", attempt=3)])
    assert (counted.events, counted.billable) == (2, 3)


def test_a_spread_tells_its_ends_and_middle() -> None:
    seen = spread(range(1, 101))
    assert (seen.count, seen.first, seen.p50, seen.p99, seen.last) == (100, 1, 50, 99, 100)


def test_nothing_spreads_to_nothing() -> None:
    assert spread([]).count == 0


@pytest.mark.parametrize(
    ("cell", "text"), [("20/s", "20/s"), (12.34, "12.3"), (1234.5, "1,234"), (0.0, "0"), (7, "7")]
)
def test_cells_show_as_many_digits_as_mean_something(cell: str | float, text: str) -> None:
    assert shown(cell) == text


@pytest.mark.parametrize(("value", "verdict"), [(60, "met"), (60.1, "MISSED")])
def test_an_aim_shows_its_verdict(value: float, verdict: str) -> None:
    assert report.markdown(found(value)).rstrip().endswith(f"| 60 ms | {verdict} |")


def test_scripts_get_the_verdicts_too() -> None:
    said = json.loads(report.to_json(found(61)))
    assert said["results"][0]["aims"][0]["met"] is False


def test_this_machine_can_be_described() -> None:
    assert describe().cores > 0


def test_an_audit_log_is_read_on_from_where_it_ended(tmp_path: Path) -> None:
    path, whole = tmp_path / "audit.log", line()
    path.write_bytes(whole + whole[:20])
    log = AuditLog(path, "ours")
    assert len(log.read()) == 1
    with path.open("ab") as more:
        more.write(whole[20:] + line(namespace="another"))
    assert [one.owner for one in log.read()] == [7, 7]
    log.close()


def test_a_call_is_read_to_the_millisecond() -> None:
    read = audit.parsed(line(), "ours")
    assert read is not None
    assert (read.at % 60, read.resource, read.of_product) == (1.25, "jobs", True)


@pytest.mark.parametrize(
    ("verb", "stage", "counted"),
    [
        ("create", "ResponseStarted", False),
        ("watch", "ResponseStarted", True),
        ("watch", "ResponseComplete", False),
    ],
)
def test_each_call_counts_once(verb: str, stage: str, counted: bool) -> None:
    assert (audit.parsed(line(verb, stage=stage), "ours") is not None) is counted


def test_only_the_product_makes_what_is_measured() -> None:
    others = [call(by=CONTROLLER), call(by=AGENT), call(status=409), call("get")]
    assert audit.made([*others, call(at=2.0), call(at=3.0)], "jobs") == {7: 2.0}
    assert audit.ours([*others, call()]) == {"create jobs": 2, "get jobs": 1}


def test_what_is_refused_is_not_removed() -> None:
    calls = [call("delete", status=409), call("delete", "pods", status=200), call("delete", at=0.5)]
    assert audit.removed(calls, since=1.0) == {("pods", RUNNER)}


def test_whatever_goes_last_is_the_end() -> None:
    calls = [call("delete", at=2.0), call("delete", "secrets", at=4.0, by=CONTROLLER)]
    assert last_change([*calls, call("update", "leases", at=5.0)], since=1.0) == 4.0
    assert last_change(calls, since=4.5) == 4.5


def machine(runner: str, *times: tuple[State, float]) -> MachineRecord:
    usual = {"machine_id": "i-1", "token": "a", "machine_type": "c7g.large", "zone": "us-east-1a"}
    more = {"market": "on-demand", "state": "running", "tags": {}, "runner": runner}
    return MachineRecord.model_validate({**usual, **more, "times": times})


def test_a_machine_was_started_when_it_was_to_run_again() -> None:
    bought = machine("runs-fleet-8-1", ("pending", 1.0), ("running", 2.0))
    started = machine(
        RUNNER, ("pending", 1.0), ("running", 2.0), ("stopped", 3.0), ("pending", 4.0)
    )
    assert warm.started([bought, started], [7, 8, 9]) == {7: 4.0}
