"""A load balancer before the replicas of an API: connections in turn, past those that are down."""

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Self

from simulator.ports import free_port

CHUNK = 65536
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Balancer:
    """Listens on the loopback in a thread of its own; leaving the context ends it."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self._ports, self._turn = tuple(ports), itertools.count()
        self._listening, self._loop = threading.Event(), asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="balancer", daemon=True)
        self._stop = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._join, "127.0.0.1", self.port)
        self._listening.set()
        await self._stop.wait()
        server.close()
        await _all_ended()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a caller with a replica, until either hangs up or the balancer ends."""
        with suppress(asyncio.CancelledError):
            async with _hanging_up(writer):
                await self._pass_on(reader, writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica = await self._dial()
        if replica is None:
            return
        async with _hanging_up(replica[1]):
            await asyncio.gather(_pump(reader, replica[1]), _pump(replica[0], writer))

    async def _dial(self) -> Pair | None:
        """Reach the next replica that is there."""
        first = next(self._turn)
        for step in range(len(self._ports)):
            port = self._ports[(first + step) % len(self._ports)]
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def _hanging_up(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close a connection at the end, and wait until it is; an end in haste drops what is unsent."""
    try:
        yield
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()


async def _all_ended() -> None:
    """End everything else in this loop, also what has only just been accepted."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A transport says that it is closed one turn later.
        await asyncio.sleep(0)
