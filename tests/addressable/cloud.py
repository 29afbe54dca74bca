"""Bare moto as an AWS account: prepared by an operator, away for a while, then there."""

import contextlib
from itertools import count
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from simulator.ports import free_port

REGION = "us-east-1"
TEMPLATE = "runner-amd64"
ALIVE = ("pending", "running")
_numbers = count(1)


class Cloud:
    """An account with a launch template, a subnet, a queue, and a machine that is not ours.

    Moto keeps it in this process, so it is there again when the server is started anew; so is
    what other tests left, and no name is used twice.
    """

    def __init__(self) -> None:
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        self.name = f"elsewhere-{next(_numbers)}"
        self.prefix = f"/{self.name}/runners"
        self._server: ThreadedMotoServer | None = None
        with self.running():
            self._prepare()

    def start(self) -> None:
        """Begin to answer."""
        port = int(self.endpoint.rpartition(":")[2])
        self._server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        """Be gone."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    @contextlib.contextmanager
    def running(self) -> Any:
        """Answer for a while."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def client(self, service: Any) -> Any:
        """Make a client of one service."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def machines(self, runner: str, *states: str) -> list[dict[str, Any]]:
        """List the machines of a runner; moto may hold those of other tests, too."""
        tagged = [{"Name": "tag:runs-fleet:runner", "Values": [runner]}]
        answer = self.client("ec2").describe_instances(Filters=tagged)
        found = [each for held in answer["Reservations"] for each in held["Instances"]]
        return [each for each in found if each["State"]["Name"] in states]

    def parameters(self) -> list[dict[str, Any]]:
        """List the parameters of this test's fleet."""
        below = [{"Key": "Path", "Option": "Recursive", "Values": [self.prefix]}]
        answer = self.client("ssm").describe_parameters(ParameterFilters=below)
        return list(answer["Parameters"])

    def _prepare(self) -> None:
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(
            VpcId=vpc, CidrBlock="10.7.1.0/24", AvailabilityZone=f"{REGION}a"
        )
        self.subnet = str(subnet["Subnet"]["SubnetId"])
        image = ec2.register_image(
            Name="runner", Architecture="x86_64", RootDeviceName="/dev/sda1"
        )["ImageId"]
        with contextlib.suppress(ec2.exceptions.ClientError):
            ec2.delete_launch_template(LaunchTemplateName=TEMPLATE)
        ec2.create_launch_template(
            LaunchTemplateName=TEMPLATE, LaunchTemplateData={"ImageId": image}
        )
        alone = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
        self.spare = str(alone["Instances"][0]["InstanceId"])
        fifo = {"FifoQueue": "true"}
        queue = self.client("sqs").create_queue(QueueName=f"{self.name}.fifo", Attributes=fifo)
        self.reports = str(queue["QueueUrl"])
