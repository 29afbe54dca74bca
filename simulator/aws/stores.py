"""Manners of SSM and SQS that moto lacks: size limits, and one answer for a repeated message."""

import hashlib
import json
import time
from collections import OrderedDict
from threading import Lock
from typing import Any

from simulator.aws.errors import AwsError
from simulator.aws.wire import Answer, Call, json_answer

LIMITS = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
WINDOW = 300.0
MOST_REMEMBERED = 20_000


def check_parameter(params: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html."""
    tier = params.get("Tier") or "Standard"
    size = len(params.get("Value", "").encode())
    limit = LIMITS.get(tier, LIMITS["Standard"])
    if size <= limit:
        return
    message = f"{tier} tier parameters support a maximum parameter value of {limit} characters."
    if tier == "Standard":
        message += (
            " To create a larger parameter value, upgrade the parameter to use the"
            " advanced-parameter tier. For more information, see https://docs.aws.amazon.com/"
            "systems-manager/latest/userguide/parameter-store-advanced-parameters.html"
        )
    raise AwsError("ValidationException", message)


class Repeats:
    """Remembers FIFO messages for five minutes: a repeat gets the first one's MessageId.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sent: OrderedDict[tuple[str, str], tuple[float, dict[str, Any]]] = OrderedDict()

    def known(self, call: Call) -> Answer | None:
        """Answer a repeated SendMessage, or None for one that has to be sent."""
        with self._lock:
            at, sent = self._sent.get(_key(call), (0.0, {}))
        if not sent or time.monotonic() - at > WINDOW:
            return None
        text = call.params.get("MessageBody", "")
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        return json_answer({**sent, "MD5OfMessageBody": digest})

    def remember(self, call: Call, answer: Answer) -> None:
        """Keep the answer to a message that was sent."""
        if not call.params.get("MessageDeduplicationId") or answer.status != 200:  # noqa: PLR2004
            return
        with self._lock:
            self._sent[_key(call)] = (time.monotonic(), json.loads(answer.body))
            if len(self._sent) > MOST_REMEMBERED:
                self._sent.popitem(last=False)


def _key(call: Call) -> tuple[str, str]:
    return call.params.get("QueueUrl", ""), call.params.get("MessageDeduplicationId", "")
