"""The benchmarks count by Temporal's rules and say plainly what they found."""

import json

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes, HistoryEvent

from bench import report
from bench.figures import Aim, Result, shown, spread
from bench.histories import cost
from bench.host import Host, describe

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
