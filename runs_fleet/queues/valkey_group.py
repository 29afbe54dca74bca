"""One stream and its consumer group, kept in order: made when missing, rid of what is dead."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import redis
from redis.exceptions import ResponseError

from runs_fleet.ports import Message
from runs_fleet.queues.valkey_client import group_is_missing, translated

GROUP = "runs-fleet"
# A consumer that lives asks every few seconds.
DEAD_AFTER = 3600.0
MOST_DEAD_LETTERS = 1_000
DAY = 86_400.0

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Redelivery:
    """When an entry that is not acknowledged comes again, in seconds, and how often at the most.

    After that it goes to the dead letters.
    """

    after: float = 30.0
    most: int = 10


USUAL = Redelivery()


class ConsumerGroup:
    """The group of one stream. Dead letters are in the stream `<stream>:dead`, the latest ones."""

    def __init__(self, client: redis.Redis, stream: str, name: str = GROUP) -> None:
        self._client, self.stream, self.name = client, stream, name
        self.dead_letters = f"{stream}:dead"

    def call(self, what: str, attempt: Callable[[], T]) -> T:
        """Do something with the group; one that is not there is made first. Raises FleetError."""
        with translated(f"{what} {self.stream}"):
            try:
                return attempt()
            except ResponseError as error:
                if not group_is_missing(error):
                    raise
            self._create()
            return attempt()

    def ack(self, ids: Sequence[str]) -> None:
        """Remove entries, from the group and from the stream. Raises FleetError."""
        if not ids:
            return
        with translated(f"ack {self.stream}"), self._client.pipeline(transaction=True) as both:
            both.xack(self.stream, self.name, *ids)
            both.xdel(self.stream, *ids)
            both.execute()

    def bury(self, message: Message, fields: Mapping[str, str]) -> None:
        """Move an entry to the dead letters."""
        grave: dict[Any, Any] = {**fields, "id": message.handle, "receives": message.receives}
        with self._client.pipeline(transaction=True) as all_at_once:
            all_at_once.xadd(self.dead_letters, grave, maxlen=MOST_DEAD_LETTERS)
            all_at_once.xack(self.stream, self.name, message.handle)
            all_at_once.xdel(self.stream, message.handle)
            all_at_once.execute()
        facts = {"stream": self.stream, "id": message.handle, "receives": message.receives}
        log.warning("moved to the dead letters", extra=facts)

    def forget_dead_consumers(self, *, idle: float = DEAD_AFTER) -> None:
        """Remove the consumers of workers that are no more; one with entries is still needed."""
        for each in self._client.xinfo_consumers(self.stream, self.name):
            if not each["pending"] and each["idle"] >= idle * 1000:
                self._client.xgroup_delconsumer(self.stream, self.name, each["name"])

    def mend(self) -> None:
        """Begin anew with a stream whose ids lie in the future.

        Whoever may append may choose the id, and after the last possible one nobody can append:
        https://valkey.io/commands/xadd/#specifying-a-stream-id-as-an-argument
        """
        last: str = self._client.xinfo_stream(self.stream)["last-generated-id"]
        if int(last.partition("-")[0]) > (time.time() + DAY) * 1000:
            self._client.delete(self.stream)
            log.error("stream with ids of the future removed", extra={"stream": self.stream})

    def _create(self) -> None:
        try:
            self._client.xgroup_create(self.stream, self.name, id="0", mkstream=True)
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise


def message(entry_id: str, fields: Mapping[str, str], *, receives: int = 1) -> Message:
    """Read an entry, whatever its sender put into it."""
    return Message(
        handle=entry_id,
        body=fields.get("body", ""),
        receives=receives,
        sent_at=_sent_at(entry_id),
        group=fields.get("group", ""),
    )


def _sent_at(entry_id: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return None
