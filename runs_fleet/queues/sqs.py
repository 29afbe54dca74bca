"""SQS queues, as their reader and as an agent see them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runs_fleet.aws.errors import translated
from runs_fleet.errors import Unavailable
from runs_fleet.ports import Message

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef, MessageTypeDef

BATCH = 10
WAIT = 10
LONGEST_ID = 128


class SqsInbox:
    """Reads up to ten messages at a time; `wait` is the long poll in seconds, at most 20."""

    def __init__(self, sqs: SQSClient, url: str, *, wait: int = WAIT) -> None:
        self._sqs = sqs
        self._url = url
        self._wait = wait

    def read(self) -> list[Message]:
        """Wait for messages. Raises NotThere while the queue does not exist."""
        with translated(f"read {self._url}"):
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self._wait,
                MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
            )
        return [_message(each) for each in answer.get("Messages", [])]

    def ack(self, handles: Sequence[str]) -> None:
        """Remove handled messages; what fails twice raises Unavailable, after all were tried."""
        failed = self._remove(self._remove(handles))
        if failed:
            raise Unavailable(f"ack {self._url}: {len(failed)} of {len(handles)} messages remain")

    def _remove(self, handles: Sequence[str]) -> list[str]:
        """Delete in tens; return the handles of those that were not."""
        remaining = list[str]()
        for start in range(0, len(handles), BATCH):
            batch = handles[start : start + BATCH]
            with translated(f"ack {self._url}"):
                answer = self._sqs.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(index), "ReceiptHandle": handle}
                        for index, handle in enumerate(batch)
                    ],
                )
            remaining += _left(batch, answer.get("Failed", []))
        return remaining


class SqsOutbox:
    """Sends one message at a time; queues whose name ends in .fifo keep order and tell repeats."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, body: str, *, group: str, key: str) -> None:
        """Send one message. Raises FleetError."""
        ids: dict[str, Any] = {}
        if self._url.endswith(".fifo"):
            ids = {"MessageGroupId": _id(group), "MessageDeduplicationId": _id(key)}
        with translated(f"send to {self._url}"):
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body, **ids)


def _message(raw: MessageTypeDef) -> Message:
    attributes = {str(name): value for name, value in raw.get("Attributes", {}).items()}
    sent = attributes.get("SentTimestamp")
    return Message(
        handle=raw.get("ReceiptHandle", ""),
        body=raw.get("Body", ""),
        receives=int(attributes.get("ApproximateReceiveCount", "1")),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
    )


def _left(batch: Sequence[str], failed: Iterable[BatchResultErrorEntryTypeDef]) -> list[str]:
    return [batch[int(each["Id"])] for each in failed]


def _id(text: str) -> str:
    """Keep what SQS accepts as an id, and stand a hash in for anything else."""
    accepted = text.isascii() and text.isprintable() and " " not in text
    if accepted and 0 < len(text) <= LONGEST_ID:
        return text
    return hashlib.sha256(text.encode()).hexdigest()
