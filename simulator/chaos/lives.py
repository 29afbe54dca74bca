"""Reads lifecycles out of Temporal, as an operator's script would."""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
)
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.outcomes import JobOutcome
from simulator.chaos.evidence import Life

CALL_LIMIT = timedelta(seconds=10)
LOOK = 0.2
ABSENT = Life(status="absent")


class Lives:
    """One connection to a world's Temporal server; closed lifecycles are read only once."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._runner = asyncio.Runner()
        self._closed: dict[int, Life] = {}

    def close(self) -> None:
        """Give its loop back."""
        self._runner.close()

    def read(self, job_ids: Iterable[int], *, patience: float = 30) -> dict[int, Life]:
        """Read the lifecycles of some jobs; a server that is starting is waited for."""
        wanted, deadline = list(job_ids), time.monotonic() + patience
        while True:
            try:
                return self._runner.run(self._read(wanted))
            except (RPCError, RuntimeError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK)

    async def _read(self, job_ids: list[int]) -> dict[int, Life]:
        client = await Client.connect(self._address, data_converter=pydantic_data_converter)
        return {job_id: await self._one(client, job_id) for job_id in job_ids}

    async def _one(self, client: Client, job_id: int) -> Life:
        if job_id not in self._closed:
            life = await _life(client, job_id)
            if life.status in ("absent", "running"):
                return life
            self._closed[job_id] = life
        return self._closed[job_id]


async def _life(client: Client, job_id: int) -> Life:
    handle = client.get_workflow_handle(names.lifecycle(job_id), result_type=JobOutcome)
    try:
        found = await handle.describe(rpc_timeout=CALL_LIMIT)
        if found.status == WorkflowExecutionStatus.RUNNING:
            told = await handle.query("progress", result_type=JobOutcome, rpc_timeout=CALL_LIMIT)
            return Life(status="running", outcome=told)
        return Life(status="completed", outcome=await handle.result(rpc_timeout=CALL_LIMIT))
    except WorkflowFailureError as failure:
        return Life(status=f"ended badly: {failure.cause}")
    except WorkflowQueryFailedError:
        return Life(status="running")
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return ABSENT
        raise
