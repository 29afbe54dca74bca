"""Valkey Streams that need no order, as their readers and their senders see them."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import redis
from redis.exceptions import RedisError

from runs_fleet.errors import Refused
from runs_fleet.ports import Letter, Message
from runs_fleet.queues.valkey_client import connect, translate, translated
from runs_fleet.queues.valkey_group import USUAL, ConsumerGroup, Redelivery, message

__all__ = ["StreamInbox", "StreamOutbox", "connect", "outbox_at"]

REPORTS, SPOOL = "runs-fleet:reports", "runs-fleet:jobs"
EVENTS, TELEMETRY = "runs-fleet:events", "runs-fleet:telemetry"
BATCH = 50
WAIT = 2.0
MOST_ENTRIES = 10_000
NEARLY_FULL = 0.9
LOOK_EVERY, UPKEEP_EVERY = 5.0, 60.0

log = logging.getLogger(__name__)


class StreamInbox:
    """Reads up to fifty entries at a time, as one consumer of a group.

    `consumer` names this process; `wait` is how many seconds a read waits, less than the client's
    timeout. What is not acknowledged comes again, here or elsewhere.
    """

    def __init__(
        self,
        client: redis.Redis,
        stream: str,
        *,
        consumer: str,
        wait: float = WAIT,
        redelivery: Redelivery = USUAL,
    ) -> None:
        self._client, self._stream, self._consumer = client, stream, consumer
        self._group = ConsumerGroup(client, stream)
        self._wait, self._redelivery = wait, redelivery
        self._looks = Every(min(LOOK_EVERY, redelivery.after / 3))
        self._upkeeps = Every(UPKEEP_EVERY)
        self._cursor = "0-0"

    def read(self) -> list[Message]:
        """Wait for messages. Raises FleetError."""
        return self._group.call("read", self._read)

    def ack(self, handles: Sequence[str]) -> None:
        """Remove handled messages; already removed is a success. Raises FleetError."""
        self._group.ack(handles)

    def _read(self) -> list[Message]:
        if self._upkeeps.due():
            self._keep_up()
        if self._looks.due() and (stale := self._stale()):
            return stale
        answer: Any = self._client.xreadgroup(
            self._group.name,
            self._consumer,
            {self._stream: ">"},
            count=BATCH,
            block=round(self._wait * 1000) or None,
        )
        return [message(entry_id, fields) for _, entries in answer for entry_id, fields in entries]

    def _stale(self) -> list[Message]:
        """Take over what others, or this one in another life, have not acknowledged."""
        answer: Any = self._client.xautoclaim(
            self._stream,
            self._group.name,
            self._consumer,
            round(self._redelivery.after * 1000),
            start_id=self._cursor,
            count=BATCH,
        )
        self._cursor, entries = answer[:2]
        if not entries:
            return []
        receives = self._receives(entries[0][0], entries[-1][0])
        claimed = [(message(i, f, receives=receives.get(i, 2)), f) for i, f in entries]
        return [each for each, fields in claimed if not self._buried(each, fields)]

    def _receives(self, first: str, last: str) -> dict[str, int]:
        pending: Any = self._client.xpending_range(
            self._stream, self._group.name, first, last, MOST_ENTRIES, self._consumer
        )
        return {each["message_id"]: each["times_delivered"] for each in pending}

    def _buried(self, read: Message, fields: Mapping[str, str]) -> bool:
        if read.receives <= self._redelivery.most:
            return False
        self._group.bury(read, fields)
        return True

    def _keep_up(self) -> None:
        self._group.forget_dead_consumers()
        self._group.mend()
        length = self._client.xlen(self._stream)
        if length > NEARLY_FULL * MOST_ENTRIES:
            facts = {"stream": self._stream, "length": length, "most": MOST_ENTRIES}
            log.warning("stream nearly full, the oldest entries go first", extra=facts)


class StreamOutbox:
    """Appends to a stream, which forgets its oldest entries beyond `most`, roughly.

    For what is a hint, and may be lost when nobody reads for long. A repeat is not told.
    """

    def __init__(self, client: redis.Redis, stream: str, *, most: int = MOST_ENTRIES) -> None:
        self._client, self._stream, self._most = client, stream, most

    def send(self, body: str, *, group: str, key: str) -> None:
        """Send one message; `group` has no meaning here. Raises FleetError."""
        with translated(f"send to {self._stream}"):
            self._append(self._client, body, key)

    def send_batch(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send messages at once, and return those that were not taken. Raises FleetError."""
        with (
            translated(f"send to {self._stream}"),
            self._client.pipeline(transaction=False) as batch,
        ):
            for letter in letters:
                self._append(batch, letter.body, letter.key)
            answers = batch.execute(raise_on_error=False)
        errors = [each for each in answers if isinstance(each, RedisError)]
        if errors and len(errors) == len(letters):
            raise translate(errors[0], f"send to {self._stream}")
        return [letter for letter, answer in zip(letters, answers, strict=True)
                if isinstance(answer, RedisError)]  # fmt: skip

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def _append(self, client: redis.Redis, body: str, key: str) -> None:
        client.xadd(self._stream, {"body": body, "key": key}, maxlen=self._most, approximate=True)


class Every:
    """Tells when something that is done now and then is due; the first time is at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def due(self) -> bool:
        """Whether it is time; the next time is counted from here."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


def outbox_at(address: str, ca: str | None = None) -> StreamOutbox:
    """Make the outbox of an address like `redis://user:password@host:port/db?stream=NAME`.

    Raises Refused, without a word of the address: the password is in it.
    """
    try:
        parts = urlsplit(address)
        stream = parse_qs(parts.query).get("stream", [""])[0]
    except ValueError:
        raise Refused("the address of the report stream cannot be read") from None
    if not stream:
        raise Refused("the address of the report stream names no stream")
    return StreamOutbox(connect(urlunsplit(parts._replace(query="")), ca=ca), stream)
