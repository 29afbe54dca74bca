"""A server that ends without losing a request: whatever is sent to it is answered."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

import uvicorn

# How long an open connection may stay silent before it is closed: whoever has just opened it, or
# keeps it for a next request, may be about to send one.
LINGER = 1.0
LOOKS = 20
CLOSE = (b"connection", b"close")

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Farewell:
    """Tells clients with every answer to hang up, once `draining` says so."""

    def __init__(self, app: App, draining: Callable[[], bool]) -> None:
        self._app, self._draining = app, draining

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer by the application, with one more header."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and self._draining():
                message["headers"] = [*message.get("headers", []), CLOSE]
            await send(message)

        await self._app(scope, receive, sending)


class DrainingServer(uvicorn.Server):
    """Stops in an order in which nobody sends in vain.

    uvicorn's own order closes connections that a request is on its way on, and the kernel resets
    those that were made but not accepted.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        config.app = Farewell(config.app, lambda: self.should_exit)  # type: ignore[arg-type]  # an application, never its name
        super().__init__(config)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept who is there, listen no more, answer what comes, and only then close."""
        listeners = [each.dup() for server in self.servers for each in server.sockets]
        for listener in listeners:
            # From here on the kernel keeps one at most; others try again, and find nobody.
            listener.listen(0)
        await asyncio.sleep(0)
        last = [one for listener in listeners for one in _waiting(listener)]
        for server in self.servers:
            server.close()
        for listener in listeners:
            listener.close()
        for connection in last:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        await self._lingered()
        await super().shutdown(sockets)

    async def _lingered(self) -> None:
        for _ in range(LOOKS):
            if self.force_exit or not self.server_state.connections:
                return
            await asyncio.sleep(LINGER / LOOKS)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn does
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


def _waiting(listener: socket.socket) -> list[socket.socket]:
    """Accept everybody who waits."""
    accepted: list[socket.socket] = []
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            accepted.append(connection)
    return accepted
