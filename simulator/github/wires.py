"""Connections that can be cut: uvicorn's protocol, with its transports known by peer."""

import asyncio
import socket
from typing import Any, ClassVar

from starlette.requests import HTTPConnection
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol


class Wire(H11Protocol):
    """Remembers open connections, so that a fault can reset the one it came by."""

    open: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: Any) -> None:
        """Remember the connection."""
        super().connection_made(transport)
        # asyncio does so itself only for sockets that were made with an explicit protocol number;
        # without it every answer is 40 ms late.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Wire.open[_peer(transport)] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        Wire.open.pop(_peer(self.transport), None)
        super().connection_lost(exc)


def abort(request: HTTPConnection) -> Response:
    """Reset the connection that a request came by; the response goes nowhere."""
    client = request.client
    transport = Wire.open.get((client.host, client.port)) if client else None
    if transport is not None:
        transport.abort()
    return Response(status_code=500)


def _peer(transport: asyncio.Transport) -> tuple[str, int]:
    host, port = transport.get_extra_info("peername")[:2]
    return host, port
