"""What EventBridge's EC2 events mean to a lifecycle."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs_fleet.models import MachineEvent
from runs_fleet.providers.ec2.events import UnreadableEvent, machine_event

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


def event(detail_type: str, **detail: Any) -> str:
    """Write an event as in Amazon's documentation."""
    return json.dumps(
        {
            "version": "0",
            "id": "12345678-1234-1234-1234-123456789012",
            "detail-type": detail_type,
            "source": "aws.ec2",
            "account": "123456789012",
            "time": "2026-11-26T10:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1a:instance/i-1"],
            "detail": {key.replace("_", "-"): value for key, value in detail.items()},
        }
    )


def test_a_spot_notice_is_an_interruption() -> None:
    body = event(
        "EC2 Spot Instance Interruption Warning", instance_id="i-1", instance_action="terminate"
    )
    assert machine_event(body) == MachineEvent(
        machine_id="i-1", kind="interruption", cause="terminate", at=AT
    )


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_a_machine_on_its_way_out_is_gone(state: str) -> None:
    body = event("EC2 Instance State-change Notification", instance_id="i-1", state=state)
    assert machine_event(body) == MachineEvent(machine_id="i-1", kind="gone", cause=state, at=AT)


@pytest.mark.parametrize(
    "body",
    [
        event("EC2 Instance State-change Notification", instance_id="i-1", state="pending"),
        event("EC2 Instance State-change Notification", instance_id="i-1", state="running"),
        event("EC2 Instance Rebalance Recommendation", instance_id="i-1"),
        event("EC2 Something New"),
    ],
)
def test_what_changes_nothing_is_ignored(body: str) -> None:
    assert machine_event(body) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[]",
        "not json",
        event("EC2 Spot Instance Interruption Warning"),
        event("EC2 Instance State-change Notification", instance_id=7, state="stopped"),
        event("EC2 Spot Instance Interruption Warning", instance_id="i-1").replace("2026-", "x"),
    ],
)
def test_a_malformed_event_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableEvent):
        machine_event(body)


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_nothing_else_is_ever_raised(value: Any) -> None:
    with pytest.raises(UnreadableEvent):
        machine_event(json.dumps(value))
