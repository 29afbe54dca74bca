"""Carries queue messages to the lifecycles they speak of.

Signal first, acknowledge second: a crash between repeats a message, and never loses one; signals
are idempotent. What cannot be read is left to the queue, whose redrive policy moves it to the
dead-letter queue. While Temporal is away nothing more is read, however many workers there are, so
that no good message gets there.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from temporalio.service import RPCError

from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.ports import Inbox, Message
from worker.counts import Counts

FULL = 10
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
# A little longer than a long poll.
LAST_TURN = 12.0

log = logging.getLogger(__name__)


class Poison(ValueError):
    """The message can never be understood."""


# Returns what became of the message. Raises Poison; RPCError or Unavailable while Temporal is away.
Deliver = Callable[[Message], Awaitable[str]]


async def _always() -> None:
    """Find Temporal there."""


@dataclass
class Relay:
    """One queue's way in.

    `there` is asked before each read, and raises RPCError while Temporal is away.
    `gather` is how long to let messages collect after a read that was not full, and `ack_after`
    how long handled messages may wait to be acknowledged together (seconds): both save calls, and
    delay nothing that is not a hint. `ack_after` must stay below the queue's visibility timeout,
    and be 0 for a queue that keeps order: there a message holds up the next of its group.
    """

    queue: str
    inbox: Inbox
    deliver: Deliver
    counts: Counts
    gather: float = 1.0
    ack_after: float = 5.0
    there: Callable[[], Awaitable[None]] = _always
    _handled: list[str] = field(default_factory=list)
    _turn: asyncio.Task[int] | None = None

    async def run(self) -> None:
        """Carry messages until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_on())
            if self.ack_after:
                group.create_task(self._ack_on())

    async def turn(self) -> int:
        """Read once and deliver all; returns how many were read."""
        messages = await asyncio.to_thread(self.inbox.read)
        for handled in await asyncio.gather(*map(self._in_order, _groups(messages))):
            self._handled += handled
        if len(self._handled) >= FULL or not self.ack_after:
            await self.ack()
        return len(messages)

    async def ack(self) -> None:
        """Acknowledge what was handled; what that fails for is kept for the next time."""
        handles, self._handled = self._handled, []
        if not handles:
            return
        try:
            await asyncio.to_thread(self.inbox.ack, handles)
        except FleetError:
            self._handled += handles
            raise

    async def close(self) -> None:
        """Deliver what was being read, and acknowledge; what there is no time for comes again."""
        if self._turn is not None:
            with suppress(TimeoutError, FleetError):
                await asyncio.wait_for(self._turn, LAST_TURN)
        await self._ack_what_goes()

    async def _ack_what_goes(self) -> None:
        try:
            await self.ack()
        except FleetError as error:
            log.warning("not acknowledged", extra={"queue": self.queue, "reason": str(error)})

    async def _read_on(self) -> None:
        """Read for ever; a queue that is away is waited for."""
        wait = FIRST_WAIT
        while True:
            try:
                await self.there()
                # Shielded: a read that nobody waits for hides its messages until they come again.
                self._turn = asyncio.create_task(self.turn())
                read = await asyncio.shield(self._turn)
            except (FleetError, RPCError) as error:
                whom = "queue" if isinstance(error, FleetError) else "temporal"
                facts = {"queue": self.queue, "reason": str(error), "again_in": wait}
                log.warning("waiting for %s", whom, extra=facts)
                await asyncio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                wait = FIRST_WAIT
                await asyncio.sleep(0 if read >= FULL or not read else self.gather)

    async def _ack_on(self) -> None:
        """Acknowledge now and then: a long poll would hold it up."""
        while True:
            await asyncio.sleep(self.ack_after)
            await self._ack_what_goes()

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
