"""One job: its demand for a runner, and the runners made for it."""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.runners import RunnerActivities
    from runs_fleet import answers, claiming, decisions, lending, market, names, story, tidings
    from runs_fleet.ledger import Ledger
    from runs_fleet.loans import LoanNews
    from runs_fleet.models import (
        JobEvent,
        JobRequest,
        MachineEvent,
        RunnerReport,
    )
    from runs_fleet.outcomes import JobOutcome
    from runs_fleet.pools.wire import PoolAnswer
    from runs_fleet.runner import Runner
    from workflows import attributes, inquiries, options, orders, placing, poolside
    from workflows.answers import Handle, answer, delivered, settled
    from workflows.market_watch import MarketWatch


@workflow.defn
class RunnerLifecycle:
    """Serve one GitHub job until GitHub has concluded it and its runners are gone.

    Signals record, `run` acts: each turn asks `decisions.next_step` for one thing to do.
    """

    @workflow.init
    def __init__(self, request: JobRequest) -> None:
        self._ledger = Ledger(request, begun_at=workflow.now())
        self._stirred = False
        self._alarms: dict[datetime, asyncio.Task[None]] = {}
        self._mints: dict[int, tuple[Runner, Handle]] = {}
        self._shown = attributes.shown_at_start(request)
        self._losses: dict[int, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, request: JobRequest) -> JobOutcome:
        """Serve the job; a cancelled lifecycle takes its runners away, even busy ones, first."""
        if request.refusal is not None:
            self._end("refused", request.refusal)
        try:
            await self._serve()
        except asyncio.CancelledError:
            self._end("released", "cancelled by an operator")
            await self._serve()
            raise
        return story.outcome(self._ledger, workflow.now())

    @workflow.signal(description="GitHub said something of this job, or of its runner")
    def github_event(self, event: JobEvent) -> None:
        """Note what GitHub says of this job, or of a job that took this job's runner."""
        self._ledger.note_github(event, workflow.now())
        self._stirred = True

    @workflow.signal(description="The agent of one of this job's runners said something")
    def report(self, report: RunnerReport) -> None:
        """Note what the agent of one of this job's runners says."""
        self._ledger.note_report(report, workflow.now())
        self._stirred = True

    @workflow.signal(description="The cloud said something of one of this job's machines")
    def machine_event(self, event: MachineEvent) -> None:
        """Note what the cloud says of one of this job's machines."""
        self._ledger.note_machine(event, workflow.now())
        self._stirred = True

    @workflow.signal(description="Another job left a runner to this one, or takes it back")
    def loan(self, news: LoanNews) -> None:
        """Note what another lifecycle says of a runner that one of the two needs."""
        self._ledger.loans.fold(news, workflow.now())
        self._stirred = True

    @workflow.signal(description="The job's pool answers")
    def pool(self, answer: PoolAnswer) -> None:
        """Note what the pool has for this job."""
        self._ledger.dealings.fold(answer)
        self._stirred = True

    @workflow.query(description="What happened so far")
    def progress(self) -> JobOutcome:
        """Tell what happened so far, in the form of the outcome."""
        return story.outcome(self._ledger, workflow.now())

    async def _serve(self) -> None:
        """Do one thing after the other until nothing is left to do."""
        while not isinstance(step := self._next_step(), decisions.Done):
            match step:
                case decisions.Wait(until=until):
                    await self._wait(until)
                case decisions.Create():
                    await self._create(step)
                case decisions.Release(runner=runner, force=force):
                    await self._release(runner, force=force)
                case lending.Send():
                    await self._send(step)
                case tidings.Inform():
                    await self._inform(step)
                case claiming.Claim() | claiming.Take() | claiming.Leave():
                    await self._deal(step)
                case _:
                    await self._inquire(step)
        await asyncio.gather(*self._losses.values())

    async def _deal(self, step: claiming.Dealing) -> None:
        """Do business with the job's pool."""
        match step:
            case claiming.Claim(claim=claim):
                await poolside.claim(self._ledger, claim)
            case claiming.Take(answer=offer):
                await self._take(offer)
            case claiming.Leave(leave=leave):
                await poolside.leave(self._ledger, leave)

    async def _inquire(self, step: decisions.Step) -> None:
        """Ask, or tell, whoever is outside."""
        match step:
            case decisions.Ask():
                await inquiries.ask(self._ledger)
            case decisions.Trace(runner=runner_name):
                await inquiries.trace(self._ledger, runner_name)
            case decisions.Rerun():
                await inquiries.rerun(self._ledger)
            case decisions.Tell():
                await inquiries.tell(self._ledger)

    def _next_step(self) -> decisions.Step:
        """Choose the next thing to do outside; what only changes the ledger is done at once."""
        self._tell_losses()
        while True:
            step = decisions.next_step(self._ledger, workflow.now())
            match step:
                case decisions.Drop(runner=runner, cause=cause):
                    runner.drop(cause, workflow.now())
                case decisions.End(state=state, reason=reason):
                    self._end(state, reason)
                case _:
                    self._show(step)
                    return step

    def _tell_losses(self) -> None:
        """Tell whoever watches the market of spot machines that were taken away, once of each."""
        for runner in self._ledger.runners:
            # Only EC2 has markets that somebody watches.
            loss = market.loss(runner) if self._ledger.request.mode == "ec2" else None
            if loss is not None and runner.attempt not in self._losses:
                self._losses[runner.attempt] = asyncio.create_task(self._tell_loss(loss))

    async def _tell_loss(self, loss: market.Sighting) -> None:
        """Signal, and expect nothing: a market that nobody watches has no bearing on this job."""
        watch = workflow.get_external_workflow_handle(names.market(self._ledger.request.mode))
        with suppress(FailureError):
            await watch.signal(MarketWatch.lost, loss)

    def _end(self, state: str, reason: str) -> None:
        """Close the demand without GitHub's word."""
        workflow.logger.info("demand over", extra={"state": state, "reason": reason})
        answers.close(self._ledger, state, reason)

    def _show(self, step: decisions.Step | None = None) -> None:
        """Keep the job's page current, and the list where something changed that it shows.

        A machine or a release that is ordered right now changes it again, mostly at once.
        """
        workflow.set_current_details(story.details(self._ledger))
        if self._ledger.request.sparing and isinstance(step, decisions.Release):
            return
        wanted = attributes.shown(self._ledger)
        changed = {name: value for name, value in wanted.items() if self._shown.get(name) != value}
        if changed:
            workflow.upsert_search_attributes(attributes.updates(changed))
            self._shown |= changed

    async def _send(self, step: lending.Send) -> None:
        """Tell another lifecycle of a loan; one that has ended cares no more."""

        def heard(arrived: bool) -> None:
            lending.sent(self._ledger, step, arrived=arrived)

        other = workflow.get_external_workflow_handle(names.lifecycle(step.to))
        signal = other.signal(RunnerLifecycle.loan, step.news)
        await delivered(signal, heard, guarded=self._ledger.request.sparing)

    async def _inform(self, step: tidings.Inform) -> None:
        """Tell the job that was on one of this job's machines that the machine was taken."""
        step.runner.informed = True
        other = workflow.get_external_workflow_handle(names.lifecycle(step.to))
        signal = other.signal(RunnerLifecycle.machine_event, step.event)
        await delivered(signal, lambda _: None, guarded=self._ledger.request.sparing)

    async def _wait(self, until: datetime) -> None:
        """Wait until a moment, or until somebody says something.

        A timer that rings too early is as good as a new one, and costs nothing.
        """
        if not any(at <= until for at in self._alarms):
            span = max(until - workflow.now(), timedelta(milliseconds=1))
            summary = f"look again while {self._ledger.state}"
            self._alarms[until] = asyncio.create_task(workflow.sleep(span, summary=summary))
        await workflow.wait_condition(self._called)
        self._stirred = False
        self._alarms = {at: alarm for at, alarm in self._alarms.items() if not alarm.done()}
        self._note_minted()

    def _called(self) -> bool:
        minted = any(minting.done() for _, minting in self._mints.values())
        return self._stirred or minted or any(alarm.done() for alarm in self._alarms.values())

    async def _create(self, step: decisions.Create) -> None:
        """Order a machine, for a new attempt or by the next rung of the present one."""
        ledger, active = self._ledger, self._ledger.active
        runner = active if active and not step.fresh else ledger.next_runner(workflow.now())
        if step.fresh:
            claiming.cold(ledger, runner)
        creating = placing.begin(ledger, runner, step.rung)
        self._show()
        try:
            await settled(creating, unneeded=lambda: ledger.demand.phase != "queued")
        finally:
            # A lifecycle that its worker drops from memory ends here too, and knows no answer.
            if creating.done():
                placing.ended(ledger, runner, answer(creating).told)
        if answers.wants_registration(ledger, runner):
            self._begin_mint(runner)

    async def _take(self, offer: PoolAnswer) -> None:
        """Make the pool's member this job's runner."""
        runner = claiming.opened(self._ledger, offer, workflow.now())
        self._show()
        await poolside.take(self._ledger, runner)
        if answers.wants_registration(self._ledger, runner):
            self._begin_mint(runner)

    def _begin_mint(self, runner: Runner) -> None:
        """Register the runner while its machine boots."""
        assert runner.machine is not None, "only a runner with a machine is registered"
        runner.registering = True
        minting = workflow.start_activity_method(
            RunnerActivities.register_runner,
            orders.registration(self._ledger, runner, runner.machine),
            summary=f"{runner.name} on {runner.machine.machine_id}",
            **options.REGISTER,
        )
        self._mints[runner.attempt] = (runner, minting)

    def _note_minted(self) -> None:
        """Take in how mints ended, if any has."""
        for attempt, (runner, minting) in list(self._mints.items()):
            if minting.done():
                del self._mints[attempt]
                answers.registered(self._ledger, runner, answer(minting).told, workflow.now())

    async def _release(self, runner: Runner, *, force: bool) -> None:
        """Remove a runner by the guarded order; one that works is kept, and looked at again."""
        if runner.attempt in self._mints:
            await settled(self._mints[runner.attempt][1], unneeded=lambda: True)
            self._note_minted()
        if runner.machine is None and not runner.doubtful:
            runner.gone_at = workflow.now()
            return
        releasing = workflow.start_activity_method(
            RunnerActivities.release_runner,
            orders.release(self._ledger, runner, force=force),
            summary=f"{runner.name}: {runner.cause}",
            **options.RELEASE,
        )
        try:
            await settled(releasing)
        finally:
            if releasing.done():
                answers.released(self._ledger, runner, answer(releasing).told, workflow.now())
