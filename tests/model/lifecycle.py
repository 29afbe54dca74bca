"""`workflows.runner_lifecycle` in virtual time: the same turns, on the same ledger."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from runs_fleet import answers, claiming, decisions, lending, story, tidings
from runs_fleet.ledger import Ledger
from runs_fleet.loans import LoanNews
from runs_fleet.models import (
    JobEvent,
    JobRequest,
    MachineEvent,
    Rung,
    RunnerReport,
)
from runs_fleet.pools.wire import PoolAnswer
from runs_fleet.runner import Runner
from tests.model import dealing, inquiries
from tests.model.calls import Call, Courier, Limits
from tests.model.outside import Outside
from tests.model.turns import Cancelled, Turns
from workflows import options, orders

MOST_STEPS_A_MINUTE = 60
CREATE, PLACE, REGISTER = (
    Limits.of(each) for each in (options.CREATE, options.PLACE, options.REGISTER)
)
RELEASE = Limits.of(options.RELEASE)


class Lifecycle:
    """One job's lifecycle; `poke` is what any news does to it."""

    def __init__(
        self,
        outside: Outside,
        request: JobRequest,
        log: Callable[..., None],
        *,
        ended: Callable[[], None],
    ) -> None:
        self.outside, self.clock, self.log = outside, outside.clock, log
        self._on_end = ended
        self.ledger = Ledger(request, begun_at=outside.clock.now)
        self.ended = False
        self.steps: dict[int, int] = {}
        self.violations: list[str] = []
        self._mints: dict[int, tuple[Runner, Call]] = {}
        self._alarms: list[datetime] = []
        self._turns = self._run()
        self._resume(self._turns.__next__)

    # News.

    def hear_github(self, event: JobEvent) -> None:
        self.ledger.note_github(event, self.clock.now)
        self.poke()

    def hear_agent(self, report: RunnerReport) -> None:
        self.ledger.note_report(report, self.clock.now)
        self.poke()

    def hear_cloud(self, event: MachineEvent) -> None:
        self.ledger.note_machine(event, self.clock.now)
        self.poke()

    def hear_pool(self, answer: PoolAnswer) -> None:
        self.ledger.dealings.fold(answer)
        self.poke()

    def hear_lender(self, news: LoanNews) -> None:
        self.ledger.loans.fold(news, self.clock.now)
        self.poke()

    def cancel(self) -> None:
        if not self.ended and self.ledger.over != "released":
            self.log("operator cancels", self.ledger.request.job_id)
            self._resume(lambda: self._turns.throw(Cancelled()))

    def poke(self) -> None:
        if not self.ended:
            self._resume(self._turns.__next__)

    def _resume(self, go: Callable[[], datetime | None]) -> None:
        try:
            until = go()
        except StopIteration:
            self.ended = True
            self.log("done", self.ledger.request.job_id, self.ledger.state)
            self._on_end()
        else:
            if until is not None:
                self._set_alarm(until)

    def _set_alarm(self, until: datetime) -> None:
        """A timer that rings too early is as good as a new one."""
        if not self._alarms or min(self._alarms) > until:
            self._alarms.append(until)
            self.clock.at(until, partial(self._ring, until))

    def _ring(self, at: datetime) -> None:
        self._alarms.remove(at)
        self.poke()

    # Turns: as in the workflow, line by line.

    def _run(self) -> Turns:
        try:
            yield from self._serve()
        except Cancelled:
            answers.close(self.ledger, "released", "cancelled by an operator")
            yield from self._serve()

    def _serve(self) -> Turns:
        while not isinstance(step := self._next_step(), decisions.Done):
            match step:
                case decisions.Wait(until=until):
                    yield from self._wait(until)
                case decisions.Create():
                    yield from self._create(step)
                case decisions.Release(runner=runner, force=force):
                    yield from self._release(runner, force=force)
                case lending.Send():
                    yield from self._send(step)
                case tidings.Inform():
                    yield from self._inform(step)
                case claiming.Claim() | claiming.Take() | claiming.Leave():
                    yield from self._deal(step)
                case _:
                    yield from self._inquire(step)

    def _inquire(self, step: decisions.Step) -> Turns:
        match step:
            case decisions.Ask():
                yield from inquiries.ask(self)
            case decisions.Trace(runner=runner_name):
                yield from inquiries.trace(self, runner_name)
            case decisions.Rerun():
                yield from inquiries.rerun(self)
            case decisions.Tell():
                yield from inquiries.tell(self)

    def _next_step(self) -> decisions.Step:
        while True:
            step = decisions.next_step(self.ledger, self.clock.now)
            self._count(step)
            match step:
                case decisions.Drop(runner=runner, cause=cause):
                    self.log("drop", runner.name, cause)
                    runner.drop(cause, self.clock.now)
                case decisions.End(state=state, reason=reason):
                    self.log("end", self.ledger.request.job_id, state, reason)
                    answers.close(self.ledger, state, reason)
                case _:
                    return step

    def _count(self, step: decisions.Step) -> None:
        minute = int(self.clock.seconds // 60)
        self.steps[minute] = self.steps.get(minute, 0) + 1
        if self.steps[minute] > MOST_STEPS_A_MINUTE:
            raise AssertionError(f"job {self.ledger.request.job_id} turns hot: {step}")

    def _wait(self, until: datetime) -> Turns:
        if until <= self.clock.now:
            raise AssertionError(f"waits for {until} at {self.clock.now}")
        yield until
        self._note_minted()

    def _send(self, step: lending.Send) -> Turns:
        self.log(
            "sends", self.ledger.request.job_id, step.news.kind, step.news.loan.runner, step.to
        )
        call = Courier(self.clock, lambda: self.outside.lend(step), ended=self.later)
        while not call.done:
            yield None
        lending.sent(self.ledger, step, arrived=call.answer)

    def _deal(self, step: claiming.Dealing) -> Turns:
        match step:
            case claiming.Claim(claim=claim):
                yield from dealing.claim(self, claim)
            case claiming.Take(answer=offer):
                yield from dealing.take(self, offer)
            case claiming.Leave(leave=leave):
                yield from dealing.leave(self, leave)

    def _inform(self, step: tidings.Inform) -> Turns:
        self.log("informs", self.ledger.request.job_id, step.to, step.event.cause)
        step.runner.informed = True
        call = Courier(self.clock, lambda: self.outside.inform(step), ended=self.later)
        while not call.done:
            yield None

    def settled(self, call: Call, unneeded: Callable[[], bool] = lambda: False) -> Turns:
        try:
            while not (call.done or unneeded()):
                yield None
        except Cancelled:
            yield from self._stopped(call)
            raise
        yield from self._stopped(call)

    def _stopped(self, call: Call) -> Turns:
        if not call.done:
            call.cancel()
        try:
            while not call.done:
                yield None
        except Cancelled:
            while not call.done:
                yield None
            raise

    def call(self, perform: Callable[[], Any], limits: Limits) -> Call:
        outside = self.outside
        return Call(self.clock, outside.chaos, perform, limits=limits, ended=self.later)

    def later(self) -> None:
        self.clock.after(0, self.poke)

    def _create(self, step: decisions.Create) -> Turns:
        ledger, active = self.ledger, self.ledger.active
        runner = active if active and not step.fresh else ledger.next_runner(self.clock.now)
        if step.fresh:
            claiming.cold(ledger, runner)
        take_in = answers.placed if ledger.request.one_call else answers.created
        call = self._order(runner, step.rung)
        try:
            yield from self.settled(call, lambda: ledger.demand.phase != "queued")
        except Cancelled:
            take_in(ledger, runner, call.answer, self.clock.now)
            raise
        take_in(ledger, runner, call.answer, self.clock.now)
        if answers.wants_registration(ledger, runner):
            self.begin_mint(runner)

    def _order(self, runner: Runner, rung: Rung) -> Call:
        if self.ledger.request.one_call:
            wanted = orders.placement(self.ledger, runner, rung)
            self.log("place", wanted.order.token, rung.market)
            return self.call(lambda: self.outside.place(wanted), PLACE)
        order = orders.machine(self.ledger, runner, rung)
        self.log("order", order.token, rung.market)
        return self.call(lambda: self.outside.runners.create_machine(order), CREATE)

    def begin_mint(self, runner: Runner) -> None:
        assert runner.machine is not None
        runner.registering = True
        request = orders.registration(self.ledger, runner, runner.machine)
        call = self.call(lambda: self.outside.runners.register_runner(request), REGISTER)
        self._mints[runner.attempt] = (runner, call)

    def _note_minted(self) -> None:
        for attempt, (runner, call) in list(self._mints.items()):
            if call.done:
                del self._mints[attempt]
                answers.registered(self.ledger, runner, call.answer, self.clock.now)

    def _release(self, runner: Runner, *, force: bool) -> Turns:
        if runner.attempt in self._mints:
            yield from self.settled(self._mints[runner.attempt][1], lambda: True)
            self._note_minted()
        if runner.machine is None and not runner.doubtful:
            runner.gone_at = self.clock.now
            return
        request = orders.release(self.ledger, runner, force=force)
        self.log("release", runner.name, runner.cause, "forced" if force else "")
        call = self.call(lambda: self.outside.release(request), RELEASE)
        try:
            yield from self.settled(call)
        except Cancelled:
            answers.released(self.ledger, runner, call.answer, self.clock.now)
            raise
        answers.released(self.ledger, runner, call.answer, self.clock.now)

    def tell(self) -> str:
        """The page of the job, as an operator would read it."""
        return story.details(self.ledger)
