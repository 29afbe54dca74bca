"""EC2's description of an instance, read into our models; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from runs_fleet import names
from runs_fleet.models import Machine, MachineStatus, Market
from runs_fleet.providers.ec2.fleet import FLEET_TAG, RUNNER_TAG

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import InstanceTypeDef

State = Literal["pending", "running", "stopping", "stopped", "gone"]

STATES: dict[str, State] = {
    "pending": "pending",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "shutting-down": "gone",
    "terminated": "gone",
}
ALIVE: frozenset[State] = frozenset({"pending", "running"})


def status(raw: InstanceTypeDef, runner: str | None = None) -> MachineStatus:
    """Read an instance's state, owner and, once it ended, why and by whom.

    The owner is whoever it is named after, unless somebody knows better.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
    """
    cause = raw.get("StateReason", {}).get("Code", "")
    return MachineStatus(
        machine_id=raw["InstanceId"],
        state=_state(raw),
        runner=tags(raw).get(RUNNER_TAG, "") if runner is None else runner,
        cause=cause,
        taken=_state(raw) not in ALIVE and cause.startswith("Server."),
    )


def machine(raw: InstanceTypeDef) -> Machine:
    """Read an instance as the machine that a create call would have returned."""
    return Machine(
        machine_id=raw["InstanceId"],
        machine_type=raw.get("InstanceType", ""),
        market=Market.SPOT if raw.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND,
        zone=raw.get("Placement", {}).get("AvailabilityZone", ""),
    )


def tags(raw: InstanceTypeDef) -> dict[str, str]:
    """Read an instance's tags."""
    return {each.get("Key", ""): each.get("Value", "") for each in raw.get("Tags", [])}


def fleet_of(raw: InstanceTypeDef) -> str:
    """Name the fleet that an instance belongs to; machines older than the tag have none."""
    return tags(raw).get(FLEET_TAG, names.DEFAULT_FLEET)


def is_gone(raw: InstanceTypeDef) -> bool:
    return _state(raw) == "gone"


def is_alive(raw: InstanceTypeDef) -> bool:
    return _state(raw) in ALIVE


def _state(raw: InstanceTypeDef) -> State:
    return STATES[raw["State"]["Name"]]
