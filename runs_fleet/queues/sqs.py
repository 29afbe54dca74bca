"""SQS queues, as their readers and their senders see them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from runs_fleet.aws.errors import translated
from runs_fleet.errors import Unavailable
from runs_fleet.ports import Letter, Message

if TYPE_CHECKING:
    from types_boto3_sqs.client import SQSClient
    from types_boto3_sqs.type_defs import (
        BatchResultErrorEntryTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

BATCH = 10
WAIT = 10
LONGEST_ID = 128


class _More(TypedDict, total=False):
    VisibilityTimeout: int


class SqsInbox:
    """Reads up to ten messages at a time; `wait` is the long poll in seconds, at most 20.

    `hidden` is for how many seconds nobody else sees what was read, if not as long as the queue
    says: after that, another reader has what one that died had in hand.
    """

    def __init__(
        self, sqs: SQSClient, url: str, *, wait: int = WAIT, hidden: int | None = None
    ) -> None:
        self._sqs = sqs
        self._url = url
        self._wait = wait
        self._more: _More = {} if hidden is None else {"VisibilityTimeout": hidden}

    def read(self) -> list[Message]:
        """Wait for messages. Raises NotThere while the queue does not exist."""
        with translated(f"read {self._url}"):
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                WaitTimeSeconds=self._wait,
                MessageSystemAttributeNames=[
                    "ApproximateReceiveCount",
                    "MessageGroupId",
                    "SentTimestamp",
                ],
                **self._more,
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
    """Sends messages; queues whose name ends in .fifo keep order and tell repeats."""

    def __init__(self, sqs: SQSClient, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, body: str, *, group: str, key: str) -> None:
        """Send one message. Raises FleetError."""
        with translated(f"send to {self._url}"):
            self._sqs.send_message(
                QueueUrl=self._url, MessageBody=body, **self._ids(group=group, key=key)
            )

    def send_batch(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send up to ten messages, and return those that SQS did not take. Raises FleetError."""
        entries = [self._entry(str(index), letter) for index, letter in enumerate(letters)]
        with translated(f"send to {self._url}"):
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [letters[int(each["Id"])] for each in answer.get("Failed", [])]

    def _entry(self, number: str, letter: Letter) -> SendMessageBatchRequestEntryTypeDef:
        entry: SendMessageBatchRequestEntryTypeDef = {"Id": number, "MessageBody": letter.body}
        entry.update(self._ids(group=letter.group, key=letter.key))
        return entry

    def _ids(self, *, group: str, key: str) -> Any:
        if not self._url.endswith(".fifo"):
            return {}
        return {"MessageGroupId": _id(group), "MessageDeduplicationId": _id(key)}


def _message(raw: MessageTypeDef) -> Message:
    attributes = {str(name): value for name, value in raw.get("Attributes", {}).items()}
    sent = attributes.get("SentTimestamp")
    return Message(
        handle=raw.get("ReceiptHandle", ""),
        body=raw.get("Body", ""),
        receives=int(attributes.get("ApproximateReceiveCount", "1")),
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
        group=attributes.get("MessageGroupId", ""),
    )


def _left(batch: Sequence[str], failed: Iterable[BatchResultErrorEntryTypeDef]) -> list[str]:
    # A handle that a FIFO queue no longer takes has expired, and its message comes again:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
    return [batch[int(each["Id"])] for each in failed if not each["SenderFault"]]


def _id(text: str) -> str:
    """Keep what SQS accepts as an id, and stand a hash in for anything else."""
    accepted = text.isascii() and text.isprintable() and " " not in text
    if accepted and 0 < len(text) <= LONGEST_ID:
        return text
    return hashlib.sha256(text.encode()).hexdigest()
