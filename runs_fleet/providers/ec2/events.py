"""EventBridge's EC2 events, read into our models; pure.

https://docs.aws.amazon.com/ec2/latest/userguide/automating_with_eventbridge.html
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from runs_fleet.models import MachineEvent

SPOT_NOTICE = "EC2 Spot Instance Interruption Warning"
STATE_CHANGE = "EC2 Instance State-change Notification"
GOING = frozenset({"stopping", "stopped", "shutting-down", "terminated"})


class UnreadableEvent(ValueError):
    """The message is no EventBridge event, or one of ours without its facts."""


class _Event(BaseModel):
    model_config = ConfigDict(extra="ignore")
    detail_type: str = Field(alias="detail-type")
    time: datetime
    detail: dict[str, Any] = {}


class _Detail(BaseModel):
    model_config = ConfigDict(extra="ignore")
    instance_id: str = Field(alias="instance-id", min_length=1)
    instance_action: str = Field(default="", alias="instance-action")
    state: str = ""


def machine_event(body: str) -> MachineEvent | None:
    """Read one event, or None for those that change nothing. Raises UnreadableEvent."""
    try:
        event = _Event.model_validate_json(body)
        if event.detail_type not in (SPOT_NOTICE, STATE_CHANGE):
            return None
        detail = _Detail.model_validate(event.detail)
    except ValidationError as error:
        raise UnreadableEvent(f"{error.error_count()} fields of an event do not fit") from None
    return _told(event, detail)


def _told(event: _Event, detail: _Detail) -> MachineEvent | None:
    if event.detail_type == SPOT_NOTICE:
        return MachineEvent(
            machine_id=detail.instance_id,
            kind="interruption",
            cause=detail.instance_action,
            at=event.time,
        )
    if detail.state not in GOING:
        return None
    return MachineEvent(
        machine_id=detail.instance_id, kind="gone", cause=detail.state, at=event.time
    )
