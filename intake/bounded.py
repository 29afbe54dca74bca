"""A door through which only so many go at a time."""

import asyncio
from collections.abc import Awaitable, Callable

from intake.door import Ack, Door
from runs_fleet.github.events import JobMoved, JobQueued

MOST = 16


class BoundedDoor:
    """Bounds the calls in flight, so that in a burst the first are done early and not all late.

    A call that has begun goes on when its caller has gone: Temporal may have heard it already,
    and keeps its place until it ends. One that still waits for its turn goes with its caller.
    """

    def __init__(self, door: Door, *, most: int = MOST) -> None:
        self._door = door
        self._places = asyncio.Semaphore(most)

    async def queued(self, job: JobQueued) -> Ack:
        """Give the job a workflow, in turn."""
        return await self._in_turn(lambda: self._door.queued(job))

    async def moved(self, moved: JobMoved) -> Ack:
        """Tell the workflows that care, in turn."""
        return await self._in_turn(lambda: self._door.moved(moved))

    async def ready(self) -> None:
        """Ask the door behind, out of turn."""
        await self._door.ready()

    async def _in_turn(self, call: Callable[[], Awaitable[Ack]]) -> Ack:
        await self._places.acquire()
        going = asyncio.ensure_future(call())
        going.add_done_callback(self._left)
        return await asyncio.shield(going)

    def _left(self, gone: "asyncio.Future[Ack]") -> None:
        self._places.release()
        if not gone.cancelled():
            gone.exception()  # Nobody may be left to ask for it, and asyncio would complain.
