"""Carries what this worker knows of the market to the workflow that remembers it, and back."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from temporalio.client import Client, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.exceptions import TemporalError
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import market, names
from runs_fleet.market import MarketState, News
from runs_fleet.models import Mode
from workflows.market_watch import MarketWatch

CALL_LIMIT = 5.0
GATHER = 2.0
REFRESH = 10.0
AWAY = (TemporalError, TimeoutError)

log = logging.getLogger(__name__)


class Memory(Protocol):
    """What a provider knows of the market."""

    def news(self) -> News: ...

    def keep(self, news: News) -> None: ...

    def adopt(self, view: MarketState) -> None: ...


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class MarketLink:
    """Runs beside the orders, which never wait for it: without a view everything is allowed.

    News go out within `gather` seconds, a view comes in every `refresh` seconds; `on_view` is
    told how many offers are sold out, and how many breakers are in each phase.
    """

    temporal: Client
    mode: Mode
    memory: Memory
    on_view: Callable[[str, int], None] = lambda state, count: None
    gather: float = GATHER
    refresh: float = REFRESH
    call_limit: float = CALL_LIMIT
    now: Callable[[], datetime] = _now
    _begun: bool = field(default=False, init=False)
    _fresh: bool | None = field(default=None, init=False)
    _due: float = field(default=0.0, init=False)

    async def run(self) -> None:
        """Carry news and views until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(self.gather)

    async def turn(self) -> None:
        """Pass on what is new, then look when it is time; what fails is for the next turn."""
        time = asyncio.get_running_loop().time
        try:
            asked = await self._publish()
            if asked or time() >= self._due:
                self._due = time() + self.refresh
                await self._look()
        except AWAY as error:
            self._begun = self._begun and not _is_gone(error)
            if self._fresh is not False:
                log.warning("market not known", extra={"reason": _reason(error)})
            self._fresh = False

    async def close(self) -> None:
        """Pass on what is left; it is no loss when that fails, as it is soon over."""
        try:
            await self._publish()
        except AWAY as error:
            log.info("news of the market not passed on", extra={"reason": _reason(error)})

    async def _publish(self) -> bool:
        """Signal the workflow, and begin it if need be; returns whether to look at once."""
        news = self.memory.news()
        begun = self._begun
        if begun and not (news.sold_out or news.bought or news.wanted):
            return False
        try:
            # The client's own limit is one for each of its tries.
            async with asyncio.timeout(self.call_limit):
                await self.temporal.start_workflow(
                    MarketWatch.run,
                    MarketState(mode=self.mode),
                    id=names.market(self.mode),
                    task_queue=names.task_queue(self.mode),
                    start_signal="note",
                    start_signal_args=[news],
                    static_summary=f"what is sold out or taken away, {self.mode}",
                )
        except AWAY:
            self.memory.keep(news)
            raise
        self._begun = True
        return bool(news.wanted) or not begun

    async def _look(self) -> None:
        handle = self.temporal.get_workflow_handle(names.market(self.mode))
        async with asyncio.timeout(self.call_limit):
            view = await handle.query(
                MarketWatch.view, reject_condition=QueryRejectCondition.NOT_OPEN
            )
        self.memory.adopt(view)
        if not self._fresh:
            log.info("market known")
        self._fresh = True
        self._count(market.tidied(view, self.now()))

    def _count(self, view: MarketState) -> None:
        self.on_view("sold-out", len(view.shortages))
        phases = [market.phase(each, view.rules, self.now()) for each in view.breakers]
        for phase in ("open", "half-open", "probing"):
            self.on_view(phase, phases.count(phase))


def _is_gone(error: Exception) -> bool:
    """Whether there is no such workflow, or none that runs: it is begun again."""
    if isinstance(error, RPCError):
        return error.status is RPCStatusCode.NOT_FOUND
    return isinstance(error, WorkflowQueryRejectedError)


def _reason(error: Exception) -> str:
    return str(error) or "no answer"
