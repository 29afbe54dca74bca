"""A proxy in front of an API server, which refuses, resets, delays and loses on request."""

import asyncio
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from simulator.kube.controlplane import LOOPBACK, ControlPlane
from simulator.kube.faults import Fault, Faults, refusal
from simulator.ports import free_port

CHUNK = 1 << 16
HEAD_LIMIT = 1 << 20
PATIENCE = 30.0
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Call:
    """One call that came, and what it met."""

    method: str
    path: str
    fault: str = ""
    at: float = field(default_factory=time.time, compare=False)


class Proxy:
    """Speaks HTTP/1.1 over TLS with the API server's own certificate, in a thread of its own."""

    def __init__(self, plane: ControlPlane, *, seed: int = 1) -> None:
        self.port = free_port()
        self.calls: list[Call] = []
        self._plane = plane
        self._faults = Faults(seed)
        self._thread = threading.Thread(target=self._run, name="kube proxy", daemon=True)
        self._listening = threading.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where to call instead of the API server."""
        return f"https://{LOOPBACK}:{self.port}"

    def kubeconfig(self, source: Path, target: Path) -> Path:
        """Write a kubeconfig as it is, but by way of this proxy."""
        content = yaml.safe_load(source.read_text())
        for one in content["clusters"]:
            one["cluster"]["server"] = self.url
        target.touch(mode=0o600)
        target.write_text(yaml.safe_dump(content))
        return target

    def refuse(self) -> None:
        """Hang up on everybody, and let nobody connect, until `resume`."""
        self._await(self._close())
        self.reset_all()

    def resume(self) -> None:
        """Let everybody connect again."""
        self._await(self._listen())

    def reset_all(self) -> None:
        """Reset every connection."""
        self._await(self._reset())

    def blackhole(self) -> None:
        """Take everything and answer nothing, until `calm`."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def answer(self, status: int, share: float = 1.0, retry_after: int | None = None) -> None:
        """Refuse a share of the calls with a status, until `calm`."""
        fault = Fault("answer", status=status, share=share, retry_after=retry_after)
        self.fault(fault)

    def fault(self, fault: Fault) -> None:
        """Put a fault in force, until `calm`."""
        self._loop.call_soon_threadsafe(self._faults.add, fault)

    def calm(self) -> None:
        """Let all be well."""
        self._loop.call_soon_threadsafe(self._faults.clear)
        self._loop.call_soon_threadsafe(self._flowing.set)
        self.resume()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._over, self._flowing = asyncio.Event(), asyncio.Event()
        self._flowing.set()
        keys = self._plane.home / "pki"
        self._server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._server_tls.load_cert_chain(keys / "server.crt", keys / "server.key")
        self._client_tls = ssl.create_default_context(cafile=self._plane.authority)
        await self._listen()
        self._listening.set()
        await self._over.wait()
        await self._close()
        await _all_ended()

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._join, LOOPBACK, self.port, ssl=self._server_tls, limit=HEAD_LIMIT
            )

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _reset(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a caller with the API server, until either hangs up or the proxy ends."""
        with suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            async with self._opened(writer):
                await self._flowing.wait()
                server = await asyncio.open_connection(
                    LOOPBACK, self._plane.port, ssl=self._client_tls
                )
                async with self._opened(server[1]):
                    exchange = Exchange((reader, writer), server, self._meet, self._flowing)
                    await exchange.run()

    def _meet(self, method: str, path: str) -> Fault | None:
        fault = self._faults.meet(method, path)
        self.calls.append(Call(method, path, fault.kind if fault else ""))
        return fault

    @asynccontextmanager
    async def _opened(self, writer: asyncio.StreamWriter) -> AsyncIterator[None]:
        self._open.add(writer)
        try:
            yield
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


class Exchange:
    """One caller's calls, one after another, on one connection to the server."""

    def __init__(
        self,
        caller: Pair,
        server: Pair,
        meet: Callable[[str, str], Fault | None],
        flowing: asyncio.Event,
    ) -> None:
        self._caller = caller
        self._server = server
        self._meet = meet
        self._flowing = flowing
        self._losing = False

    async def run(self) -> None:
        """Pass calls on and answers back, until either side hangs up."""
        answers = asyncio.create_task(self._pass_answers())
        try:
            while await self._pass_call():
                pass
        finally:
            answers.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await answers

    async def _pass_call(self) -> bool:
        """Take one call, and let it meet its fault. Callers wait for an answer before the next."""
        reader, writer = self._caller
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        await self._flowing.wait()
        fault = self._meet(method, target)
        if fault and fault.kind == "answer":
            writer.write(refusal(fault))
            await writer.drain()
            return True
        if fault and fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        self._losing = bool(fault and fault.kind == "lost_answer")
        self._server[1].write(head + body)
        await self._server[1].drain()
        return True

    async def _pass_answers(self) -> None:
        reader, writer = self._server[0], self._caller[1]
        with suppress(OSError):
            while (data := await reader.read(CHUNK)) and not self._losing:
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value)
    return 0


async def _all_ended() -> None:
    """End everything else in this loop, also what has only just been accepted."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A transport says that it is closed one turn later.
        await asyncio.sleep(0)
