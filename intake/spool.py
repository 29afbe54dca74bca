"""The way into the spool: a queue that keeps events while Temporal cannot take them."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.ports import BatchOutbox, Letter

BATCH = 10
LIMIT = 2.0
SENDERS = 4
FAULT_LIFE = 30.0

_Waiting = tuple[Letter, "asyncio.Future[None]"]


class Spool:
    """Sends what waits, ten at a time, in a few threads of its own.

    `limit` is how many seconds one event may take to get there.
    """

    def __init__(
        self,
        outbox: BatchOutbox,
        *,
        limit: float = LIMIT,
        senders: int = SENDERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox, self._limit, self._most, self._clock = outbox, limit, senders, clock
        self._threads = ThreadPoolExecutor(senders, "spool")
        self._waiting: deque[_Waiting] = deque()
        self._senders: set[asyncio.Task[None] | None] = set()
        self._fault, self._fault_at = "", 0.0

    @property
    def fault(self) -> str:
        """Why the last event did not get there; "" if it did, or nobody has tried for a while."""
        return self._fault if self._clock() - self._fault_at < FAULT_LIFE else ""

    async def put(self, letter: Letter) -> None:
        """Return once the queue has the event. Raises Unavailable."""
        taken = asyncio.get_running_loop().create_future()
        self._waiting.append((letter, taken))
        self._wake_sender()
        try:
            async with asyncio.timeout(self._limit):
                await taken
        except TimeoutError:
            self._note(f"not sent within {self._limit:g} seconds")
            raise Unavailable(f"spool: {self._fault}") from None

    def close(self) -> None:
        """Let the threads go once they are done."""
        self._threads.shutdown(wait=False)

    def _wake_sender(self) -> None:
        if len(self._senders) < self._most:
            sender = asyncio.create_task(self._send_all())
            self._senders.add(sender)

    async def _send_all(self) -> None:
        try:
            while batch := self._next_batch():
                await self._send(batch)
        finally:
            # Not in a callback of the task: whoever comes before it would wake nobody.
            self._senders.discard(asyncio.current_task())

    def _next_batch(self) -> list[_Waiting]:
        batch = list[_Waiting]()
        while self._waiting and len(batch) < BATCH:
            letter, taken = self._waiting.popleft()
            if not taken.done():
                batch.append((letter, taken))
        return batch

    async def _send(self, batch: Sequence[_Waiting]) -> None:
        loop, letters = asyncio.get_running_loop(), [letter for letter, _ in batch]
        try:
            left = await loop.run_in_executor(self._threads, self._outbox.send_batch, letters)
        except FleetError as error:
            self._note(str(error))
            left = letters
        else:
            self._note("the queue did not take it" if left else "")
        for letter, taken in batch:
            _settle(taken, Unavailable(f"spool: {self._fault}") if letter in left else None)

    def _note(self, fault: str) -> None:
        self._fault, self._fault_at = fault, self._clock()


def _settle(taken: "asyncio.Future[None]", error: Unavailable | None) -> None:
    if taken.done():
        return
    if error is None:
        taken.set_result(None)
    else:
        taken.set_exception(error)
