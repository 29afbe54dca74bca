"""Tells Temporal that a call is still under way, so that a worker's death is noticed soon."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ActivityOutboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
)

# Most calls are done before the first, so that they cost nothing.
BEAT = timedelta(seconds=1)


class Heartbeats(Interceptor):
    """Heartbeats for every activity whose options ask for them."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Stand before the activity."""
        return _Beating(next)


class _Beating(ActivityInboundInterceptor):
    def init(self, outbound: ActivityOutboundInterceptor) -> None:
        self._outbound = _Remembering(outbound)
        super().init(self._outbound)

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if activity.info().heartbeat_timeout is None:
            return await super().execute_activity(input)
        beating = asyncio.create_task(self._beat())
        try:
            return await super().execute_activity(input)
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            # Not activity.heartbeat(): in a thread's activity that waits for the loop it runs in.
            self._outbound.again()


class _Remembering(ActivityOutboundInterceptor):
    """Repeats what the activity has last said: the server keeps no more than the last details."""

    _details: tuple[Any, ...] = ()

    def heartbeat(self, *details: Any) -> None:
        self._details = details
        super().heartbeat(*details)

    def again(self) -> None:
        super().heartbeat(*self._details)
