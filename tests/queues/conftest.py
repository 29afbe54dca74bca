"""Queues on the same AWS as the EC2 tests use."""

from itertools import count

import pytest

from runs_fleet.aws.clients import Clients
from tests.ec2.servers import aws, aws_endpoint

__all__ = ["aws", "aws_endpoint"]
_numbers = count(1)


@pytest.fixture(params=["", ".fifo"], ids=["standard", "fifo"])
def url(request: pytest.FixtureRequest, aws: Clients) -> str:
    suffix: str = request.param
    return aws.sqs.create_queue(
        QueueName=f"reports-{next(_numbers)}{suffix}",
        Attributes={"FifoQueue": "true"} if suffix else {},
    )["QueueUrl"]
