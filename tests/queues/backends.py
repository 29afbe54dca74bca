"""The queues under test, each as its fleet has it: on SQS, on Valkey, on the Redis of Debian."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
import redis

from runs_fleet.aws.clients import Clients, clients
from runs_fleet.ports import BatchOutbox, Inbox, Message, Outbox
from runs_fleet.queues.sqs import SqsInbox, SqsOutbox
from runs_fleet.queues.valkey import StreamInbox, StreamOutbox, connect
from runs_fleet.queues.valkey_fifo import FifoInbox, FifoOutbox
from runs_fleet.queues.valkey_group import Redelivery
from simulator.aws.client import AwsWorld
from simulator.valkey import ValkeyServer
from tests.ec2.servers import session
from tests.simulator.waiting import until

Kind = Literal["plain", "fifo"]
# Longer than any test, and short: whether a message that nobody acknowledges comes again meanwhile.
NEVER, SOON = 600, 1
PATIENCE = 90.0
MOST_RECEIVES = 2
REDIS = shutil.which("redis-server")
WITHOUT_REDIS = pytest.mark.skipif(
    REDIS is None, reason="no redis-server on the PATH: `apt-get install redis-server` cures it"
)
BACKENDS = ["sqs", "valkey", pytest.param("redis", marks=WITHOUT_REDIS)]
SERVERS = BACKENDS[1:]
_numbers = count(1)


class Sender(Outbox, BatchOutbox, Protocol):
    """Whoever sends, one message or many."""


class Queue(Protocol):
    """One queue of its own for one test."""

    def inbox(self, consumer: str = "one") -> Inbox:
        """One of its readers."""
        ...

    def outbox(self) -> Sender:
        """One of its senders."""
        ...

    def held(self) -> int:
        """How many messages it holds, read or not."""
        ...

    def dead(self) -> list[str]:
        """The bodies of its dead letters."""
        ...


class SqsQueue:
    """A queue of the simulated AWS, with its dead-letter queue."""

    def __init__(self, aws: Clients, kind: Kind, *, again_after: int) -> None:
        self._aws, fifo = aws, kind == "fifo"
        suffix, attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
        name = f"contract-{next(_numbers)}"
        self._grave = self._made(f"{name}-dead{suffix}", attributes)
        told = aws.sqs.get_queue_attributes(QueueUrl=self._grave, AttributeNames=["QueueArn"])
        policy = f'{{"deadLetterTargetArn":"{told["Attributes"]["QueueArn"]}",'
        attributes |= {
            "VisibilityTimeout": str(again_after),
            "RedrivePolicy": f'{policy}"maxReceiveCount":"{MOST_RECEIVES}"}}',
        }
        self._url = self._made(f"{name}{suffix}", attributes)

    def _made(self, name: str, attributes: dict[str, str]) -> str:
        wanted: Any = attributes
        return self._aws.sqs.create_queue(QueueName=name, Attributes=wanted)["QueueUrl"]

    def inbox(self, consumer: str = "one") -> SqsInbox:
        return SqsInbox(self._aws.sqs, self._url, wait=0)

    def outbox(self) -> SqsOutbox:
        return SqsOutbox(self._aws.sqs, self._url)

    def held(self) -> int:
        counted = self._aws.sqs.get_queue_attributes(
            QueueUrl=self._url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        return sum(map(int, counted["Attributes"].values()))

    def dead(self) -> list[str]:
        return [each.body for each in SqsInbox(self._aws.sqs, self._grave, wait=0).read()]


class PlainStream:
    """A stream of a Valkey server, as reports have it."""

    def __init__(self, client: redis.Redis, *, again_after: float) -> None:
        self.client, self.name = client, f"stream-{next(_numbers)}"
        self.again = Redelivery(again_after, MOST_RECEIVES)

    def inbox(self, consumer: str = "one") -> Inbox:
        return StreamInbox(
            self.client, self.name, consumer=consumer, wait=0.05, redelivery=self.again
        )

    def outbox(self) -> Sender:
        return StreamOutbox(self.client, self.name)

    def held(self) -> int:
        return int(self.client.xlen(self.name))

    def dead(self) -> list[str]:
        entries: Any = self.client.xrange(f"{self.name}:dead")
        return [fields["body"] for _, fields in entries]


class FifoStream(PlainStream):
    """A stream of a Valkey server, as the spool has it."""

    def inbox(self, consumer: str = "one") -> Inbox:
        return FifoInbox(
            self.client, self.name, consumer=consumer, wait=0.05, redelivery=self.again
        )

    def outbox(self) -> Sender:
        return FifoOutbox(self.client, self.name)


STREAMS: dict[Kind, type[PlainStream]] = {"plain": PlainStream, "fifo": FifoStream}
Make = Callable[[Kind, int], Queue]


def sqs(home: Path) -> Iterator[Make]:
    with AwsWorld(home=home) as world:
        aws = clients(session(), endpoint=world.url)
        yield lambda kind, again: SqsQueue(aws, kind, again_after=again)
        aws.sqs.close()


def valkey(home: Path, binary: str | None = None) -> Iterator[Make]:
    with ValkeyServer(home, binary=binary) as server:
        client = connect(server.url, timeout=30)
        yield lambda kind, again: STREAMS[kind](client, again_after=again)
        client.close()


def opened(backend: str, home: Path) -> Iterator[Make]:
    """Start a backend; what it yields makes queues in it."""
    if backend == "sqs":
        return sqs(home)
    return valkey(home, binary_of(backend))


def binary_of(backend: str) -> str | None:
    """The server's binary; None is the one of the package."""
    return REDIS if backend == "redis" else None


def read(inbox: Inbox, number: int) -> list[Message]:
    """Read until so many messages have come."""
    found = list[Message]()

    def enough() -> bool:
        found.extend(inbox.read())
        return len(found) >= number

    until(enough, within=PATIENCE)
    return found


def bodies(messages: list[Message]) -> list[str]:
    return [each.body for each in messages]
