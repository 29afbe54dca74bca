"""How many jobs are in which state, for autoscalers and dashboards."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from temporalio.service import RPCError

from runs_fleet.models import Mode
from workflows.attributes import MODE, STATE

STATES = ("placing", "waiting", "booting", "running")
EVERY = 15.0
CALL_LIMIT = timedelta(seconds=5)

log = logging.getLogger(__name__)


class Count(Protocol):
    """An answer of the search."""

    @property
    def count(self) -> int: ...


class Search(Protocol):
    """What is used of Temporal's client."""

    def count_workflows(self, query: str, *, rpc_timeout: timedelta) -> Awaitable[Any]: ...


@dataclass
class QueueDepth:
    """Asks the search beside everything else; it never lists, and nothing waits for it.

    Without an answer `show` has the last one, and the log says so once.
    """

    temporal: Search
    mode: Mode
    show: Callable[[str, int], None]
    every: float = EVERY
    _away: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self.every)

    async def look(self) -> None:
        """Count the jobs of each state once."""
        try:
            for state in STATES:
                self.show(state, await self._count(state))
        except RPCError as error:
            if not self._away:
                log.warning("queue depth not known", extra={"reason": error.message})
            self._away = True
            return
        self._away = False

    async def close(self) -> None:
        """Have nothing to bring to an end."""

    async def _count(self, state: str) -> int:
        # MODE is a word of the search's own, so it stands in backquotes.
        query = (
            'WorkflowType="RunnerLifecycle" AND ExecutionStatus="Running"'
            f' AND `{MODE.name}`="{self.mode}" AND {STATE.name}="{state}"'
        )
        found: Count = await self.temporal.count_workflows(query, rpc_timeout=CALL_LIMIT)
        return found.count
