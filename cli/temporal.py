"""How a command reaches Temporal, and what it says when it cannot."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode

DEFAULT_ADDRESS = "localhost:7233"
CONNECT_LIMIT = 10
CALL_LIMIT = timedelta(seconds=10)
LONGEST_QUOTE = 300
NOBODY_THERE = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)
# What the SDK's errors hold among much else.
MESSAGE = re.compile(r'message: "([^"]+)"')
Answer = TypeVar("Answer")


class Trouble(Exception):
    """What an operator is told in one line; `status` is the command's exit status."""

    def __init__(self, message: str, *, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


def run(ask: Callable[[Client], Awaitable[Answer]], show: Callable[[Answer], None]) -> int:
    """Ask where the TEMPORAL_* variables say, and show the answer; returns the exit status."""
    try:
        show(asyncio.run(_connected(ask)))
    except Trouble as trouble:
        sys.stderr.write(f"runs-fleet: {trouble}\n")
        return trouble.status
    return 0


async def connect() -> Client:
    """Connect where the TEMPORAL_* variables say. Raises Trouble."""
    address = _address()
    try:
        async with asyncio.timeout(CONNECT_LIMIT):
            return await Client.connect(**address, data_converter=pydantic_data_converter)
    except (RPCError, RuntimeError, OSError) as error:
        why = _quoted(str(error)) or f"no answer within {CONNECT_LIMIT} s"
        raise Trouble(f"cannot reach Temporal at {address['target_host']}: {why}") from error


async def _connected(ask: Callable[[Client], Awaitable[Answer]]) -> Answer:
    client = await connect()
    try:
        return await ask(client)
    except RPCError as error:
        where = client.service_client.config.target_host
        raise Trouble(_told(error, where, client.namespace)) from error


def _address() -> ClientConnectConfig:
    try:
        address = ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise Trouble(f"the Temporal settings cannot be read: {error}") from error
    address.setdefault("target_host", DEFAULT_ADDRESS)
    return address


def _told(error: RPCError, where: str, namespace: str) -> str:
    if error.status is RPCStatusCode.NOT_FOUND and "namespace" in error.message.lower():
        return f"Temporal at {where} has no namespace {namespace!r}; set TEMPORAL_NAMESPACE"
    if error.status in NOBODY_THERE:
        return f"cannot reach Temporal at {where}: {_quoted(error.message)}"
    return f"Temporal at {where} answered {error.status.name}: {_quoted(error.message)}"


def _quoted(text: str) -> str:
    said = MESSAGE.findall(text)
    return " ".join((said[-1] if said else text).split())[:LONGEST_QUOTE]
