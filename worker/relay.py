"""Carries queue messages to the lifecycles they speak of.

Signal first, acknowledge second: a crash between repeats a message, and never loses one; signals
are idempotent. What cannot be read is left to the queue, whose redrive policy moves it to the
dead-letter queue. While Temporal is away nothing more is read, so that no good message gets there.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from temporalio.service import RPCError

from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.ports import Inbox, Message
from worker.counts import Counts

FULL = 10
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0

log = logging.getLogger(__name__)


class Poison(ValueError):
    """The message can never be understood."""


# Returns what became of the message. Raises Poison; RPCError or Unavailable while Temporal is away.
Deliver = Callable[[Message], Awaitable[str]]


@dataclass
class Relay:
    """One queue's way in.

    `gather` is how long to let messages collect after a read that was not full, and `ack_after`
    how long handled messages may wait to be acknowledged together (seconds): both save calls, and
    delay nothing that is not a hint. `ack_after` must stay below the queue's visibility timeout.
    """

    queue: str
    inbox: Inbox
    deliver: Deliver
    counts: Counts
    gather: float = 1.0
    ack_after: float = 5.0
    _handled: list[str] = field(default_factory=list)
    _oldest: float = 0.0

    async def run(self) -> None:
        """Carry messages until cancelled; a queue that is away is waited for."""
        wait = FIRST_WAIT
        while True:
            try:
                read = await self.turn()
            except FleetError as error:
                facts = {"queue": self.queue, "reason": str(error), "again_in": wait}
                log.warning("waiting for queue", extra=facts)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                wait = FIRST_WAIT
                await asyncio.sleep(0 if read >= FULL or not read else self.gather)

    async def turn(self) -> int:
        """Read once, deliver all, acknowledge when it is time; returns how many were read."""
        messages = await asyncio.to_thread(self.inbox.read)
        for handled in await asyncio.gather(*map(self._in_order, _groups(messages))):
            self._note(handled)
        await self._ack(at_once=False)
        return len(messages)

    async def close(self) -> None:
        """Acknowledge what was handled; the rest comes again."""
        try:
            await self._ack(at_once=True)
        except FleetError as error:
            log.warning("not acknowledged", extra={"queue": self.queue, "reason": str(error)})

    def _note(self, handles: Sequence[str]) -> None:
        if handles and not self._handled:
            self._oldest = time.monotonic()
        self._handled += handles

    async def _ack(self, *, at_once: bool) -> None:
        ripe = len(self._handled) >= FULL or time.monotonic() - self._oldest >= self.ack_after
        if self._handled and (at_once or ripe):
            handles, self._handled = self._handled, []
            await asyncio.to_thread(self.inbox.ack, handles)

    async def _in_order(self, messages: Sequence[Message]) -> list[str]:
        """Deliver one after the other; returns the handles of those that were delivered."""
        return [message.handle for message in messages if await self._delivered(message)]

    async def _delivered(self, message: Message) -> bool:
        """Deliver one message, however long Temporal is away; false for poison."""
        wait = FIRST_WAIT
        while True:
            try:
                result = await self.deliver(message)
            except Poison as error:
                facts = {"queue": self.queue, "reason": str(error), "receives": message.receives}
                log.warning("poison message", extra=facts)
                self.counts.message(self.queue, "poison")
                return False
            except (RPCError, Unavailable) as error:
                self.counts.message(self.queue, "deferred")
                log.warning("waiting for temporal", extra={"reason": str(error)})
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self.counts.message(self.queue, result)
                return True


def _groups(messages: Sequence[Message]) -> list[list[Message]]:
    """Put the messages of each group together, in their order; those without stay alone."""
    groups: dict[str, list[Message]] = {}
    for message in messages:
        groups.setdefault(message.group or message.handle, []).append(message)
    return list(groups.values())
