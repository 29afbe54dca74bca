"""The command line, as an operator types it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from runs_fleet.__main__ import app
from simulator.temporal import TemporalServer


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Awaitable[Ended]]


def invoke(address: str, *arguments: str) -> Ended:
    ended = CliRunner().invoke(
        app, list(arguments), env={"TEMPORAL_ADDRESS": address}, catch_exceptions=False
    )
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture
def command(temporal_server: TemporalServer) -> Command:
    """Run `runs-fleet` beside the test, whose worker goes on."""

    async def run(*arguments: str) -> Ended:
        return await asyncio.to_thread(invoke, temporal_server.address, *arguments)

    return run
