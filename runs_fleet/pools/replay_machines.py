"""EC2 as a backtest has it: machines boot, stop and go as they should, each in its time; pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from runs_fleet import names
from runs_fleet.models import JobEvent, Machine, MachineEvent, Registration, RunnerReport
from runs_fleet.pools import membership, surveys
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.replay import Job, Metered, Replay
from runs_fleet.pools.wire import (
    MemberLaunched,
    MemberOrder,
    MemberRegistration,
    MemberStatus,
    PoolAnswer,
    PoolFacts,
)
from runs_fleet.releases import ReleaseResult

CALL = timedelta(seconds=1)
SITE = "backtest"


@dataclass
class Made:
    """One machine."""

    order: MemberOrder
    made_at: datetime
    state: Literal["running", "stopped"] = "running"
    runner: str = ""


class Machines:
    """The site of a pool of machines."""

    def __init__(self, replay: Replay) -> None:
        self._replay, self._clock, self._state = replay, replay.clock, replay.state
        self._made: dict[str, Made] = {}
        self._promised: set[str] = set()
        self._runners = 0

    def carry_out(self, calls: Calls) -> None:
        """Do what the pool asks for, in a while."""
        for launch in calls.launches:
            self._clock.after(CALL, partial(self._launched, launch.order))
        for stop in calls.stops:
            self._clock.after(CALL, partial(self._told_to_stop, stop.member))
        for registration in calls.registrations:
            self._clock.after(CALL, partial(self._registered, registration))
        for release in calls.releases:
            self._clock.after(CALL, partial(self._released, release.member))
        if calls.survey is not None:
            self._clock.after(CALL, partial(self._surveyed, self._facts()))

    def take(self, job: Job, answer: PoolAnswer) -> None:
        """Have a job run on the member that it got, listen for one, or go without."""
        if answer.kind == "patient":
            self._listens(job, answer)
        elif answer.kind == "none":
            self._cold(job)
        elif answer.tier is not None:
            self._use(answer.member, "running", runner=names.runner(job.number, answer.attempt))
            over = self._replay.start(job, answer.tier)
            self._clock.at(over, partial(self._over, job, answer.member))

    def _cold(self, job: Job) -> None:
        replay = self._replay
        over = replay.start(job, "cold")
        replay.meter.add("cold", 1, self._clock.now)

        def ends() -> None:
            replay.meter.add("cold", -1, self._clock.now)
            replay.over(job)

        self._clock.at(over, ends)

    def _listens(self, job: Job, answer: PoolAnswer) -> None:
        members = self._state.of("listening")
        free = [each for each in members if each.ready and each.name not in self._promised]
        if free:
            self._promised.add(free[0].name)
            over = self._replay.start(job, "listening")
            self._tell(job, free[0].name, free[0].runner, over=over)
        elif answer.until is not None:
            self._clock.at(answer.until, partial(self._replay.claim, job, waited=True))

    def _tell(self, job: Job, member: str, runner: str, *, over: datetime) -> None:
        """Have GitHub say at once that a member has the job, so that no other is given it."""

        def said(phase: Literal["in_progress", "completed"]) -> None:
            event = JobEvent(job_id=job.number, phase=phase, runner_name=runner, at=self._clock.now)
            membership.told_of_job(self._state, event, self._clock.now)

        def ends() -> None:
            said("completed")
            self._replay.over(job)

        self._clock.at(self._clock.now, partial(said, "in_progress"))
        self._clock.at(over, ends)

    def _launched(self, order: MemberOrder) -> None:
        now, name = self._clock.now, order.member
        self._made[name] = Made(order, now)
        self._replay.meter.add("running", 1, now)
        answer = MemberLaunched(machine=_machine(name), wake=name)
        membership.launched(self._state, name, answer, now)
        self._clock.after(self._replay.assumptions.boot, partial(self._says, name, "standing_by"))

    def _says(self, runner: str, kind: Literal["standing_by", "ready"]) -> None:
        report = RunnerReport(runner=runner, kind=kind, at=self._clock.now)
        membership.reported(self._state, report, self._clock.now)

    def _told_to_stop(self, name: str) -> None:
        membership.stopped(self._state, name, None, self._clock.now)
        self._clock.after(self._replay.assumptions.stopping, partial(self._stopped, name))

    def _stopped(self, name: str) -> None:
        if name not in self._made:
            return
        self._use(name, "stopped")
        now = self._clock.now
        event = MachineEvent(machine_id=name, kind="gone", cause="stopped", at=now)
        membership.told_of_machine(self._state, event, now)

    def _registered(self, asked: MemberRegistration) -> None:
        self._runners += 1
        answer = Registration(runner_id=self._runners, runner=asked.runner)
        membership.registered(self._state, asked.member, answer, self._clock.now)
        self._clock.after(CALL, partial(self._says, asked.runner, "ready"))

    def _released(self, name: str) -> None:
        self._gone(name)
        membership.released(self._state, name, ReleaseResult(), self._clock.now)

    def _over(self, job: Job, name: str) -> None:
        self._gone(name)
        self._replay.over(job, name)

    def _surveyed(self, facts: PoolFacts) -> None:
        surveys.surveyed(self._state, facts, self._clock.now)

    def _facts(self) -> PoolFacts:
        members = [
            MemberStatus(
                member=name,
                machine=_machine(name),
                state=made.state,
                spec_hash=made.order.spec_hash,
                runner=made.runner,
                wake=name,
                launched_at=made.made_at,
            )
            for name, made in self._made.items()
        ]
        return PoolFacts(members=tuple(members), site=SITE)

    def _use(self, name: str, state: Literal["running", "stopped"], *, runner: str = "") -> None:
        made, meter = self._made[name], self._replay.meter
        before: Metered = made.state
        meter.add(before, -1, self._clock.now)
        meter.add(state, 1, self._clock.now)
        made.state, made.runner = state, runner

    def _gone(self, name: str) -> None:
        self._promised.discard(name)
        made = self._made.pop(name, None)
        if made is not None:
            self._replay.meter.add(made.state, -1, self._clock.now)


def _machine(name: str) -> Machine:
    return Machine(machine_id=name)
