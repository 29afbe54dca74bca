"""Claims for lifecycles that were just started: their pools hear of them a few hops earlier."""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import claiming, names
from runs_fleet.models import JobRequest
from runs_fleet.pools.wire import PoolAnswer

CALL_LIMIT = timedelta(seconds=3)

log = logging.getLogger(__name__)


class Claims:
    """Sends first claims beside the answer to GitHub, which does not wait for them.

    What does not arrive is left to the lifecycle, and the pool knows a repeat.
    """

    def __init__(self) -> None:
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, client: Client, request: JobRequest) -> None:
        """Claim for a lifecycle that is there."""
        sending = asyncio.create_task(_send(client, request))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)


async def _send(client: Client, request: JobRequest) -> None:
    assert request.spec is not None, "a refused job claims nothing"
    pool = request.spec.pool or ""
    keeper = client.get_workflow_handle(names.pool(request.mode, pool))
    claim = claiming.initial(request, datetime.now(UTC))
    try:
        await keeper.signal("claim", claim, rpc_timeout=CALL_LIMIT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            await _tell_that_nobody_keeps_it(client, request, pool)
            return
        facts = {"job_id": request.job_id, "pool": pool, "reason": error.status.name}
        log.info("claim left to the lifecycle", extra=facts)


async def _tell_that_nobody_keeps_it(client: Client, request: JobRequest, pool: str) -> None:
    """Answer for a pool that nobody keeps, so that its job does not wait for it."""
    told = PoolAnswer(pool=pool, job_id=request.job_id, attempt=1, kind="absent")
    lifecycle = client.get_workflow_handle(names.lifecycle(request.job_id))
    with suppress(RPCError):
        await lifecycle.signal("pool", told, rpc_timeout=CALL_LIMIT)
