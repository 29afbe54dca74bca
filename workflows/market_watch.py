"""Remembers, for all workers of a mode, what is sold out and what is taken away too often."""

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from runs_fleet import market
    from runs_fleet.market import MarketState, News, ResetRequest, ResetResult, Sighting

MOST_ROWS = 50


@workflow.defn
class MarketWatch:
    """One for each mode, for ever: it sleeps until a worker or a lifecycle has something to say.

    What it knows ends by the clock, and readers have one: so it needs no timers.
    """

    @workflow.init
    def __init__(self, state: MarketState) -> None:
        self._state = state
        self._heard: list[News | Sighting] = []

    @workflow.run
    async def run(self, state: MarketState) -> None:
        """Take in what is said, and begin a new history now and then."""
        while not self._is_long():
            await workflow.wait_condition(lambda: bool(self._heard) or self._is_long())
            self._take_in()
        await workflow.wait_condition(workflow.all_handlers_finished)
        self._take_in()
        workflow.continue_as_new(self._state)

    @workflow.signal(description="A worker met sold-out offers, or asks for a probe")
    def note(self, news: News) -> None:
        """Note what a worker has seen."""
        self._heard.append(news)

    @workflow.signal(description="A spot machine was taken away")
    def lost(self, loss: Sighting) -> None:
        """Note what a lifecycle has lost."""
        self._heard.append(loss)

    @workflow.query(description="All that is remembered; what is over by your clock is over")
    def view(self) -> MarketState:
        """Tell all that is remembered."""
        return self._state

    @workflow.update(description="Forget all, or what is of one market or one type")
    def reset(self, asked: ResetRequest) -> ResetResult:
        """Forget what was asked for, after what was said before."""
        self._take_in()
        self._state, forgotten = market.reset(self._state, asked)
        self._show()
        workflow.logger.info("market reset", extra=forgotten.model_dump())
        return forgotten

    @reset.validator
    def _check_reset(self, asked: ResetRequest) -> None:
        # What was said in the same moment is not taken in yet, and may not be here.
        if refusal := market.refusal(self._with_heard(), asked):
            raise ApplicationError(refusal, type="Refused")

    def _take_in(self) -> None:
        self._state, self._heard = self._with_heard(), []
        self._show()

    def _with_heard(self) -> MarketState:
        state = self._state
        for said in self._heard:
            state = market.heard(state, said, workflow.now())
        return state

    def _is_long(self) -> bool:
        info = workflow.info()
        longest = self._state.longest_history
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= longest

    def _show(self) -> None:
        workflow.set_current_details(told(self._state, workflow.now()))


def told(state: MarketState, now: datetime) -> str:
    """Tell the workflow's page, in markdown, what is remembered; a page has no clock."""
    breakers = [
        f"| {each.market} | {each.machine_type} | {len(each.losses)} |"
        f" {market.phase(each, state.rules, now)} | {_clock(each.open_until)} |"
        for each in state.breakers[:MOST_ROWS]
    ]
    shortages = [
        f"| {each.market} | {each.machine_type} | {each.zone} | {_clock(each.until)} |"
        for each in state.shortages[:MOST_ROWS]
    ]
    taken = ["", "| market | type | losses | breaker | open until |", "|---|---|---|---|---|"]
    full = ["", "| market | type | zone | sold out until |", "|---|---|---|---|"]
    head = f"As of {_clock(now)} UTC: {len(state.shortages)} offers sold out"
    watched = f", {len(state.breakers)} kinds with losses"
    return "\n".join([head + watched, *taken, *breakers, *full, *shortages])


def _clock(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
