"""The actions of SQS, in its JSON protocol."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from simulator.aws.account import ACCOUNT
from simulator.aws.errors import AwsError
from simulator.aws.models import QueueDepth
from simulator.aws.queue import SEQUENCE_START, Message, Queue

Params = dict[str, Any]
Result = dict[str, Any]
MOST_IN_BATCH = 10
LARGEST = 1_048_576
LONGEST_WAIT = 20
HANDLE_LENGTH = 32


class Sqs:
    """Queues by name; each action takes and gives what boto3 shows."""

    def __init__(self, *, url: str, region: str) -> None:
        self._url = url
        self._prefix = f"arn:aws:sqs:{region}:{ACCOUNT}:"
        self._queues: dict[str, Queue] = {}
        self._attributes: dict[str, dict[str, str]] = {}
        self.actions: dict[str, Callable[[Params], Result]] = {
            "CreateQueue": self.create_queue,
            "DeleteQueue": self.delete_queue,
            "GetQueueUrl": lambda p: {"QueueUrl": self.address(self._known(p["QueueName"]))},
            "GetQueueAttributes": self.get_queue_attributes,
            "SetQueueAttributes": self.set_queue_attributes,
            "ListQueues": self.list_queues,
            "PurgeQueue": self.purge_queue,
            "SendMessage": lambda p: self._send(self._queue(p), p),
            "SendMessageBatch": lambda p: self._batch(p, self._send),
            "ReceiveMessage": self.receive_message,
            "DeleteMessage": lambda p: self._delete(self._queue(p), p),
            "DeleteMessageBatch": lambda p: self._batch(p, self._delete),
            "ChangeMessageVisibility": lambda p: self._change(self._queue(p), p),
            "ChangeMessageVisibilityBatch": lambda p: self._batch(p, self._change),
        }

    def address(self, name: str) -> str:
        """Spell a queue's URL."""
        return f"{self._url}/{ACCOUNT}/{name}"

    def arn(self, name: str) -> str:
        """Spell a queue's ARN."""
        return self._prefix + name

    def depths(self) -> dict[str, QueueDepth]:
        """Tell how full each queue is."""
        depths = {name: queue.depth() for name, queue in list(self._queues.items())}
        return {name: QueueDepth(visible=v, in_flight=f) for name, (v, f) in depths.items()}

    def post(self, name: str, body: str) -> None:
        """Put a message into a standard queue; nobody listens to one that does not exist."""
        if name in self._queues:
            self._queues[name].send(Message(body))

    def create_queue(self, params: Params) -> Result:
        """Make a queue, or tell the one of this name."""
        name: str = params["QueueName"]
        attributes = dict(params.get("Attributes") or {})
        if (attributes.get("FifoQueue") == "true") != name.endswith(".fifo"):
            message = "The name of a FIFO queue can only include alphanumeric characters, hyphens, "
            raise AwsError("InvalidParameterValue", message + "or underscores, must end with .fifo")
        if name not in self._queues:
            self._queues[name] = Queue(fifo=name.endswith(".fifo"))
            self._attributes[name] = {}
            self._set(name, attributes)
        return {"QueueUrl": self.address(name)}

    def delete_queue(self, params: Params) -> Result:
        """Remove a queue."""
        name = self._known(_name(params))
        del self._queues[name], self._attributes[name]
        return {}

    def list_queues(self, params: Params) -> Result:
        """List queue URLs by prefix."""
        start = params.get("QueueNamePrefix", "")
        return {"QueueUrls": [self.address(n) for n in self._queues if n.startswith(start)]}

    def purge_queue(self, params: Params) -> Result:
        """Empty a queue."""
        self._queue(params).purge()
        return {}

    def set_queue_attributes(self, params: Params) -> Result:
        """Change a queue."""
        self._set(self._known(_name(params)), params["Attributes"])
        return {}

    def get_queue_attributes(self, params: Params) -> Result:
        """Tell a queue's attributes, the wanted ones."""
        name = self._known(_name(params))
        visible, in_flight = self._queues[name].depth()
        shown = {
            **self._attributes[name],
            "QueueArn": self.arn(name),
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(in_flight),
            "ApproximateNumberOfMessagesDelayed": "0",
            "VisibilityTimeout": f"{self._queues[name].visibility:.0f}",
        }
        wanted = params.get("AttributeNames") or []
        return {"Attributes": {k: v for k, v in shown.items() if k in wanted or "All" in wanted}}

    def receive_message(self, params: Params) -> Result:
        """Wait for messages and give some out."""
        queue = self._queue(params)
        most = int(params.get("MaxNumberOfMessages", 1))
        wait = float(params.get("WaitTimeSeconds", queue.wait))
        if not 1 <= most <= MOST_IN_BATCH or not 0 <= wait <= LONGEST_WAIT:
            message = f"MaxNumberOfMessages {most} or WaitTimeSeconds {wait} is out of range."
            raise AwsError("InvalidParameterValue", message)
        visibility = float(params.get("VisibilityTimeout", queue.visibility))
        wanted = {
            *params.get("AttributeNames", ()),
            *params.get("MessageSystemAttributeNames", ()),
        }
        taken = queue.receive(most=most, wait=wait, visibility=visibility)
        return {"Messages": [_shown(m, wanted, fifo=queue.fifo) for m in taken]} if taken else {}

    def _set(self, name: str, attributes: dict[str, str]) -> None:
        queue = self._queues[name]
        self._attributes[name].update(attributes)
        queue.visibility = float(attributes.get("VisibilityTimeout", queue.visibility))
        queue.wait = float(attributes.get("ReceiveMessageWaitTimeSeconds", queue.wait))
        if policy := attributes.get("RedrivePolicy"):
            rule = json.loads(policy)
            grave = rule["deadLetterTargetArn"].removeprefix(self._prefix)
            queue.most_receives = int(rule["maxReceiveCount"])
            queue.dead_letters = lambda: self._queues.get(grave)

    def _send(self, queue: Queue, params: Params) -> Result:
        body: str = params["MessageBody"]
        if not 1 <= len(body.encode()) <= LARGEST:
            message = f"One or more parameters are invalid. Message must be shorter than {LARGEST}"
            raise AwsError("InvalidParameterValue", message)
        first = queue.send(
            Message(
                body,
                group=params.get("MessageGroupId", ""),
                dedup=self._dedup(queue, params),
                attributes=params.get("MessageAttributes") or {},
                delay=float(params.get("DelaySeconds", 0)),
            )
        )
        result = {"MessageId": first.message_id, "MD5OfMessageBody": _md5(body)}
        return {**result, "SequenceNumber": str(first.number)} if queue.fifo else result

    def _dedup(self, queue: Queue, params: Params) -> str:
        if not queue.fifo:
            return ""
        if not params.get("MessageGroupId"):
            message = "The request must contain the parameter MessageGroupId."
            raise AwsError("MissingParameter", message)
        if given := params.get("MessageDeduplicationId"):
            return str(given)
        attributes = next(a for n, a in self._attributes.items() if self._queues[n] is queue)
        if attributes.get("ContentBasedDeduplication") != "true":
            message = (
                "The queue should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly"
            )
            raise AwsError("InvalidParameterValue", message)
        return hashlib.sha256(params["MessageBody"].encode()).hexdigest()

    def _delete(self, queue: Queue, params: Params) -> Result:
        queue.delete(_handle(params))
        return {}

    def _change(self, queue: Queue, params: Params) -> Result:
        if not queue.change_visibility(_handle(params), float(params["VisibilityTimeout"])):
            message = "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist"
            raise AwsError("InvalidParameterValue", message)
        return {}

    def _batch(self, params: Params, do: Callable[[Queue, Params], Result]) -> Result:
        queue, entries = self._queue(params), params.get("Entries") or []
        if not entries:
            raise AwsError(
                "EmptyBatchRequest", "There should be at least one entry in the request."
            )
        if len(entries) > MOST_IN_BATCH:
            message = f"Maximum number of entries per request are {MOST_IN_BATCH}."
            raise AwsError("TooManyEntriesInBatchRequest", message)
        done: list[Result] = []
        failed: list[Result] = []
        for entry in entries:
            try:
                done.append({"Id": entry["Id"], **do(queue, entry)})
            except AwsError as error:
                failed.append(
                    {
                        "Id": entry["Id"],
                        "SenderFault": True,
                        "Code": error.code,
                        "Message": error.message,
                    }
                )
        return {"Successful": done, "Failed": failed}

    def _queue(self, params: Params) -> Queue:
        return self._queues[self._known(_name(params))]

    def _known(self, name: str) -> str:
        if name not in self._queues:
            raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
        return name


def _name(params: Params) -> str:
    return str(params["QueueUrl"]).rpartition("/")[2]


def _handle(params: Params) -> str:
    handle = str(params["ReceiptHandle"])
    if len(handle) != HANDLE_LENGTH or not handle.isalnum():
        message = f'The input receipt handle "{handle[:40]}" is not a valid receipt handle.'
        raise AwsError("ReceiptHandleIsInvalid", message)
    return handle


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _shown(message: Message, wanted: set[str], *, fifo: bool) -> Result:
    system = {
        "ApproximateReceiveCount": str(message.receives),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received * 1000)),
        "SentTimestamp": str(int(message.sent * 1000)),
        "SenderId": "AIDAEXAMPLE",
    }
    if fifo:
        system["MessageGroupId"] = message.group
        system["MessageDeduplicationId"] = message.dedup
        system["SequenceNumber"] = str(message.number or SEQUENCE_START)
    shown: Result = {
        "MessageId": message.message_id,
        "ReceiptHandle": message.handle,
        "MD5OfBody": _md5(message.body),
        "Body": message.body,
    }
    kept = {name: value for name, value in system.items() if name in wanted or "All" in wanted}
    if kept:
        shown["Attributes"] = kept
    if message.attributes:
        shown["MessageAttributes"] = message.attributes
    return shown
