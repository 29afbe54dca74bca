"""One pool: who holds what, and what is done so that the next job finds a warm machine."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from runs_fleet import names
    from runs_fleet.models import JobEvent, MachineEvent, RunnerReport
    from runs_fleet.pools import claims, membership, operators, turning
    from runs_fleet.pools.planning import PoolPlan, plan
    from runs_fleet.pools.state import PoolState
    from runs_fleet.pools.status import PoolStatus, page, status
    from runs_fleet.pools.wire import (
        PoolAnswer,
        PoolClaim,
        PoolLeave,
        PoolOperation,
        PoolSettings,
    )
    from workflows.alarms import Alarms
    from workflows.pool_calls import PoolCalls

CANCELLED = "cancelled by an operator"
# A history that is this many times too long does not wait for a quiet moment.
TOO_LONG = 2


@workflow.defn
class PoolManager:
    """The single writer of a pool: no locks, no claims table.

    Signals record, `run` acts: each turn answers the claims that have come, and begins what is
    due outside. No call outside is waited for.
    """

    @workflow.init
    def __init__(self, state: PoolState) -> None:
        operators.begin(state, workflow.now())
        turning.resumed(state)
        self._state = state
        self._calls, self._alarms = PoolCalls(), Alarms()
        self._sending: set[asyncio.Task[None]] = set()
        self._plan = PoolPlan()
        self._stirred = True

    @workflow.run
    async def run(self, state: PoolState) -> None:
        """Keep the pool; a cancelled one lets its free members go first, and no other."""
        try:
            await self._keep()
        except asyncio.CancelledError:
            self._state.ending = self._state.ending or CANCELLED
            await self._keep()
            raise

    @workflow.signal(description="A job asks for a warm member")
    def claim(self, claim: PoolClaim) -> None:
        """Note a claim; it is answered in the same workflow task."""
        claims.claimed(self._state, claim, workflow.now())
        self._stirred = True

    @workflow.signal(description="A job has no more use for a member, or for the pool")
    def leave(self, leave: PoolLeave) -> None:
        """Note what a job has no use for any more."""
        claims.left(self._state, leave, workflow.now())
        self._stirred = True

    @workflow.signal(description="GitHub gave a listening member a job, or this job is over")
    def github_event(self, event: JobEvent) -> None:
        """Note what GitHub says of a job on one of the listening members."""
        membership.told_of_job(self._state, event, workflow.now())
        self._stirred = True

    @workflow.signal(description="The agent of a member said something")
    def report(self, report: RunnerReport) -> None:
        """Note what a member's agent says."""
        membership.reported(self._state, report, workflow.now())
        self._stirred = True

    @workflow.signal(description="The cloud said something of a member's machine")
    def machine_event(self, event: MachineEvent) -> None:
        """Note what the cloud says of a machine."""
        membership.told_of_machine(self._state, event, workflow.now())
        self._stirred = True

    @workflow.query(description="Members, targets and their reasons, operations, troubles")
    def status(self) -> PoolStatus:
        """Tell all of the pool."""
        return status(self._state, self._plan, workflow.now())

    @workflow.query(description="Why another definition would be refused")
    def refusal(self, settings: PoolSettings) -> str:
        """Say what is wrong with a definition, or nothing, and change nothing."""
        return operators.refusal_of_settings(self._state, settings)

    @workflow.update(description="Give the pool another definition")
    def configure(self, settings: PoolSettings) -> PoolStatus:
        """Be as defined from now on."""
        operators.configure(self._state, settings, workflow.now())
        return self._changed()

    @configure.validator
    def _check_settings(self, settings: PoolSettings) -> None:
        _refuse(operators.refusal_of_settings(self._state, settings))

    @workflow.update(description="Drain, pause, resume, recycle or resize the pool")
    def operate(self, operation: PoolOperation) -> PoolStatus:
        """Do what an operator asks for, and write down who it was."""
        operators.operate(self._state, operation, workflow.now())
        facts = {"kind": operation.kind, "by": operation.by, "reason": operation.reason}
        workflow.logger.info("pool operated", extra=facts)
        return self._changed()

    @operate.validator
    def _check_operation(self, operation: PoolOperation) -> None:
        _refuse(operators.refusal_of_operation(self._state, operation))

    def _changed(self) -> PoolStatus:
        """Tell what the pool is about to do after a change."""
        self._stirred = True
        self._plan = plan(self._state, workflow.now(), calling=False)
        return self.status()

    async def _keep(self) -> None:
        """Take one turn after the other until nothing is left to do, for ever."""
        while not self._turn().over or self._sending:
            if self._is_long and self._is_quiet:
                await self._begin_anew()
            await self._wait()

    def _turn(self) -> PoolPlan:
        """Answer claims, begin what is due, and tell the page."""
        now = workflow.now()
        self._stirred = False
        self._calls.take_in(self._state, now)
        turn = turning.turn(self._state, now, calling=not self._is_long)
        self._plan = turn.plan
        for answer in turn.answers:
            self._send(answer)
        self._calls.begin(turn.plan.calls)
        workflow.set_current_details(page(self._state, turn.plan, now))
        return turn.plan

    def _send(self, answer: PoolAnswer) -> None:
        """Send an answer without waiting until it has arrived."""
        sending = asyncio.create_task(self._tell(answer))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _tell(self, answer: PoolAnswer) -> None:
        lifecycle = workflow.get_external_workflow_handle(names.lifecycle(answer.job_id))
        try:
            await lifecycle.signal("pool", answer)
        except FailureError as error:
            facts = {"job_id": answer.job_id, "member": answer.member, "reason": str(error)}
            workflow.logger.info("answer not heard", extra=facts)
            claims.unheard(self._state, answer, workflow.now())
        self._stirred = True

    async def _wait(self) -> None:
        """Wait until somebody says something, a call ends, or it is time to look up."""
        if self._plan.wake_at is not None:
            self._alarms.by(self._plan.wake_at, "look again")
        await workflow.wait_condition(self._called)

    def _called(self) -> bool:
        return self._stirred or self._calls.any_done or self._alarms.ring

    @property
    def _is_long(self) -> bool:
        info = workflow.info()
        longest = self._state.longest_history
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= longest

    @property
    def _is_quiet(self) -> bool:
        """Whether a new history can begin: nothing is under way, or there is no waiting for it."""
        if not self._calls and not self._sending:
            return True
        length = workflow.info().get_current_history_length()
        return length >= TOO_LONG * max(self._state.longest_history, 1) and not self._sending

    async def _begin_anew(self) -> None:
        """Go on in a new history; calls that are under way are begun again there, harmlessly."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(self._state)


def _refuse(refusal: str) -> None:
    if refusal:
        raise ApplicationError(refusal, type="Refused")
