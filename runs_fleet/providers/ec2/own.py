"""The one thing a machine may do to EC2: end itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs_fleet.aws.errors import translated

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client


class OwnMachine:
    """Needs `ec2:TerminateInstances` on the instance that asks, and nothing else."""

    def __init__(self, ec2: EC2Client) -> None:
        self._ec2 = ec2

    def terminate(self, machine_id: str) -> None:
        """Terminate this machine; already terminated is a success. Raises FleetError."""
        with translated(f"terminate own machine {machine_id}"):
            self._ec2.terminate_instances(InstanceIds=[machine_id])
