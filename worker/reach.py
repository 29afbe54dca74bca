"""Asks whether Temporal takes anything, before a message is taken out of a queue for it."""

import asyncio
import time
from datetime import timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

CALL_LIMIT = timedelta(seconds=5)
# So long one answer is good for all who ask.
FRESH = 2.0
# Any name will do: it is the history service that has to answer, and it knows none.
NOBODY = "runs-fleet-nobody"


class Reach:
    """One worker's look at its Temporal."""

    def __init__(self, temporal: Client) -> None:
        self._temporal, self._looking, self._seen_at = temporal, asyncio.Lock(), -FRESH

    async def __call__(self) -> None:
        """Return when Temporal answers. Raises RPCError while it does not."""
        async with self._looking:
            if time.monotonic() - self._seen_at < FRESH:
                return
            try:
                await self._temporal.get_workflow_handle(NOBODY).describe(rpc_timeout=CALL_LIMIT)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
            self._seen_at = time.monotonic()
