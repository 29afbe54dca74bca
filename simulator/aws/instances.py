"""One EC2 instance: its record, how EC2 shows it, and the filters that find it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from simulator.aws.account import ACCOUNT, Template
from simulator.aws.capacity import Pool
from simulator.aws.errors import AwsError
from simulator.aws.models import MachineRecord, MarketName, State

CODES: dict[State, int] = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
REASONS = {
    "Client.UserInitiatedShutdown": "User initiated shutdown",
    "Client.InstanceInitiatedShutdown": "Instance initiated shutdown",
    "Server.SpotInstanceTermination": "Spot instance termination",
    "Server.InternalError": "Internal error",
}


@dataclass
class Instance:
    """One instance; changed only under the world's lock."""

    instance_id: str
    reservation: str
    token: str
    client_token: str
    pool: Pool
    subnet: str
    vpc: str
    arch: str
    address: str
    template: Template | None
    tags: dict[str, str]
    visible_at: float
    boot_seconds: float
    registers: bool
    state: State = "pending"
    cause: str = ""
    times: list[tuple[State, float]] = field(default_factory=list)
    notice: datetime | None = None
    noticed_at: float | None = None
    agent_pid: int | None = None
    agent_code: int | None = None

    def enter(self, state: State) -> None:
        """Move to a state and remember when."""
        self.state = state
        self.times.append((state, time.time()))

    @property
    def market(self) -> MarketName:
        """How it was bought."""
        return self.pool.market

    @property
    def launched(self) -> datetime:
        """When it was made, or started the last time."""
        began = max(at for state, at in self.times if state == "pending")
        return datetime.fromtimestamp(began, UTC)

    def setting(self, name: str) -> Any:
        """Read the launch template."""
        return self.template.data.get(name) if self.template else None

    def state_view(self) -> dict[str, Any]:
        """Show the state as every EC2 answer does."""
        return {"Code": CODES[self.state], "Name": self.state}

    def view(self) -> dict[str, Any]:
        """Show the instance as DescribeInstances does."""
        spot = self.market == "spot"
        reason = {"Code": self.cause, "Message": f"{self.cause}: {REASONS.get(self.cause, '')}"}
        name = f"ip-{self.address.replace('.', '-')}.ec2.internal"
        return {
            "InstanceId": self.instance_id,
            "ImageId": self.setting("ImageId"),
            "State": self.state_view(),
            "PrivateDnsName": name,
            "StateTransitionReason": REASONS.get(self.cause, ""),
            "InstanceType": self.pool.instance_type,
            "LaunchTime": self.launched,
            "Placement": {"AvailabilityZone": self.pool.zone, "Tenancy": "default"},
            "SubnetId": self.subnet,
            "VpcId": self.vpc,
            "PrivateIpAddress": self.address,
            "StateReason": reason if self.cause else None,
            "Architecture": self.arch,
            "ClientToken": self.client_token,
            "InstanceLifecycle": "spot" if spot else None,
            "SpotInstanceRequestId": self.instance_id.replace("i-", "sir-")[:12] if spot else None,
            "SecurityGroups": [{"GroupId": g} for g in self.setting("SecurityGroupIds") or ()],
            "IamInstanceProfile": self._profile(),
            "MetadataOptions": {"State": "applied", **(self.setting("MetadataOptions") or {})},
            "Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()],
        }

    def record(self) -> MachineRecord:
        """Show the instance as the world's books do."""
        return MachineRecord(
            machine_id=self.instance_id,
            token=self.token,
            machine_type=self.pool.instance_type,
            market=self.market,
            zone=self.pool.zone,
            state=self.state,
            cause=self.cause,
            tags=self.tags,
            times=self.times,
            noticed_at=self.noticed_at,
            agent_pid=self.agent_pid,
            agent_code=self.agent_code,
        )

    def _profile(self) -> dict[str, str] | None:
        given = self.setting("IamInstanceProfile") or {}
        arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/{given.get('Name', '')}"
        return {"Arn": given.get("Arn", arn)} if given else None


FILTERS: dict[str, Callable[[Instance], str]] = {
    "availability-zone": lambda i: i.pool.zone,
    "client-token": lambda i: i.client_token,
    "image-id": lambda i: str(i.setting("ImageId")),
    "instance-id": lambda i: i.instance_id,
    "instance-lifecycle": lambda i: "spot" if i.market == "spot" else "",
    "instance-state-code": lambda i: str(CODES[i.state]),
    "instance-state-name": lambda i: i.state,
    "instance-type": lambda i: i.pool.instance_type,
    "reservation-id": lambda i: i.reservation,
    "state-reason-code": lambda i: i.cause,
    "subnet-id": lambda i: i.subnet,
    "vpc-id": lambda i: i.vpc,
}


def chosen(instances: Iterable[Instance], filters: Iterable[dict[str, Any]]) -> list[Instance]:
    """Keep what all filters keep; within one filter any value will do, `*` and `?` are wild."""
    kept = list(instances)
    for wanted in filters:
        values = _facts(wanted["Name"])
        patterns = wanted.get("Value", [])
        kept = [i for i in kept if any(fnmatchcase(v, p) for v in values(i) for p in patterns)]
    return kept


def _facts(name: str) -> Callable[[Instance], Iterable[str]]:
    if name == "tag-key":
        return lambda i: i.tags
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda i: [i.tags[key]] if key in i.tags else []
    if name not in FILTERS:
        raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return lambda i: [FILTERS[name](i)]
