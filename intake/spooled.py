"""A door that is open while Temporal is away: what that does not take in time goes to the spool."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Literal
from weakref import WeakValueDictionary

from intake import letters
from intake.breaker import Breaker
from intake.door import Ack, Door
from intake.lately import SpooledLately
from intake.letters import Event, TooLarge
from intake.spool import Spool
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.github.events import JobMoved, JobQueued

PATIENCE = 0.7
# More than these would not be done within the patience, so the next ones need not wait for it.
MOST_TRYING = 32

Reason = Literal["slow", "unavailable", "away", "crowded", "order"]
Call = Callable[[], Awaitable[Ack]]

log = logging.getLogger(__name__)


class SpooledDoor:
    """Tries the door behind for `patience` seconds, then gives the event to the spool.

    Events of one job are taken one after the other, and follow each other into the spool, so
    that none overtakes another. A call that took effect although it was given up is harmless: the
    event comes again out of the spool, and Temporal knows the job. `on_spooled` hears why:

    slow         the door did not answer in time
    unavailable  it said that it cannot
    away         it has not answered for a while, so it was not asked
    crowded      so many wait for it already that it would not answer in time
    order        an earlier event of the job is in the spool, or may be in that of a sibling
    """

    def __init__(
        self,
        door: Door,
        spool: Spool,
        *,
        patience: float = PATIENCE,
        breaker: Breaker | None = None,
        on_spooled: Callable[[Reason], None] = lambda reason: None,
    ) -> None:
        self._door, self._spool, self._patience = door, spool, patience
        self._breaker = breaker if breaker is not None else Breaker()
        self._lately = SpooledLately()
        self._on_spooled = on_spooled
        self._trying = 0
        self._lanes: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._probe: asyncio.Task[None] | None = None

    async def queued(self, job: JobQueued) -> Ack:
        """Give the job a workflow, now or later. Raises Unavailable if both ways are closed."""
        return await self._take(job, lambda: self._door.queued(job))

    async def moved(self, moved: JobMoved) -> Ack:
        """Tell the workflows that care, now or later. Raises Unavailable as `queued` does."""
        return await self._take(moved, lambda: self._door.moved(moved))

    async def ready(self) -> None:
        """Return while one of the two ways is open, or raise Unavailable with both reasons."""
        try:
            await self._door.ready()
        except Unavailable as error:
            if self._spool.fault:
                raise Unavailable(f"{error}; spool: {self._spool.fault}") from error
        else:
            self._breaker.succeeded()

    async def _take(self, event: Event, call: Call) -> Ack:
        job_id = letters.job_of(event)
        lane = self._lanes.setdefault(job_id, asyncio.Lock())
        async with lane:
            reason = self._shortcut(job_id)
            if reason is None:
                return await self._try(event, call)
            return await self._spooled(event, reason) or await call()

    def _shortcut(self, job_id: int) -> Reason | None:
        """Why not to ask the door at all."""
        if job_id in self._lately:
            return "order"
        if not self._breaker.is_open:
            return "crowded" if self._trying >= MOST_TRYING else None
        if self._breaker.probe_due():
            self._probe = asyncio.create_task(self._look())
        return "away"

    async def _look(self) -> None:
        try:
            await self._door.ready()
        except Unavailable:
            return
        self._breaker.succeeded()

    async def _try(self, event: Event, call: Call) -> Ack:
        trying = asyncio.ensure_future(call())
        trying.add_done_callback(_ask_for_its_error)
        self._trying += 1
        try:
            ack = await asyncio.wait_for(asyncio.shield(trying), self._patience)
        except (TimeoutError, Unavailable) as error:
            self._breaker.failed()
            reason: Reason = "slow" if isinstance(error, TimeoutError) else "unavailable"
            return await self._spooled(event, reason) or await trying
        except Refused:
            self._breaker.succeeded()
            raise
        finally:
            self._trying -= 1
            trying.cancel()
        self._breaker.succeeded()
        if self._may_be_in_a_spool(event, ack):
            return await self._spooled(event, "order") or ack
        return ack

    def _may_be_in_a_spool(self, event: Event, ack: Ack) -> bool:
        """Whether nobody knows the job because a sibling of this process has spooled it."""
        lost = isinstance(event, JobMoved) and event.ours and ack.result == "unknown"
        return lost and len(self._lately) > 0

    async def _spooled(self, event: Event, reason: Reason) -> Ack | None:
        """Put an event into the spool; None if that cannot be done either."""
        job_id = letters.job_of(event)
        try:
            await self._spool.put(letters.sealed(event))
        except (Unavailable, TooLarge) as error:
            log.warning("not spooled", extra={"job_id": job_id, "reason": str(error)})
            return None
        self._lately.note(job_id)
        self._on_spooled(reason)
        return Ack(result="spooled", job=job_id, reason=reason)


def _ask_for_its_error(done: "asyncio.Future[Ack]") -> None:
    # Nobody may be left to do it, and asyncio would complain.
    if not done.cancelled():
        done.exception()
