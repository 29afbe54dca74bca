"""A pool's manager, its cloud and its jobs, small enough to be tried in thousands of ways."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from runs_fleet import names
from runs_fleet.answers import Failure
from runs_fleet.models import Arch, Machine, RunnerReport, RunnerSpec, Span
from runs_fleet.pools import claims, membership, surveys, turning
from runs_fleet.pools.definition import PoolDefinition, Targets
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import (
    MemberLaunched,
    MemberOrder,
    MemberRelease,
    MemberStatus,
    MemberStop,
    PoolAnswer,
    PoolClaim,
    PoolFacts,
    PoolLeave,
    PoolSurvey,
)
from runs_fleet.releases import ReleaseResult

NOON = datetime(2025, 6, 2, 12, tzinfo=UTC)
SPEC = RunnerSpec(cpu=Span(least=4, most=8), ram=Span(least=8), arch="arm64")
LABEL = "runs-fleet/pool=default"
# By then a lifecycle has marked the machine that it was given.
MARKED_WITHIN = timedelta(seconds=30)
# By then nothing takes effect any more that a terminated manager had begun.
SPENT_WITHIN = timedelta(seconds=10)


def definition(**changes: Any) -> PoolDefinition:
    """Define a pool of two hot members and a stopped one, of at most six."""
    said: dict[str, Any] = {
        "name": "default",
        "mode": "ec2",
        "spec": SPEC,
        "targets": Targets(hot=2, stopped=1),
        "max": 6,
    }
    return PoolDefinition.model_validate(said | changes)


def claim(job_id: int, *, at: datetime = NOON, repo: str = "octo/hello", **more: Any) -> PoolClaim:
    """Ask for a member."""
    said: dict[str, Any] = {
        "job_id": job_id,
        "attempt": 1,
        "runner": names.runner(job_id, 1),
        "repo": repo,
        "label": LABEL,
        "spec": RunnerSpec(pool="default"),
        "asked_at": at,
    }
    return PoolClaim.model_validate(said | more)


def asked(arch: Arch) -> RunnerSpec:
    """Ask for an architecture and nothing else."""
    return RunnerSpec(arch=arch, pool="default")


@dataclass
class CloudMachine:
    """One machine as the cloud has it."""

    member: str
    machine_id: str
    spec_hash: str
    made_at: datetime
    state: str = "running"
    runner: str = ""
    greeted: bool = False


@dataclass
class World:
    """Plays everybody else; `pending` are calls that were not answered yet."""

    definition: PoolDefinition
    now: datetime = NOON
    site: str = "lt-1:1"
    machines: dict[str, CloudMachine] = field(default_factory=dict)
    pending: list[Any] = field(default_factory=list)
    given: dict[str, int] = field(default_factory=dict)
    unmarked: dict[str, datetime] = field(default_factory=dict)
    answers: dict[int, PoolAnswer] = field(default_factory=dict)
    said: dict[int, PoolAnswer] = field(default_factory=dict)
    claims: dict[int, PoolClaim] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    turns: list[turning.Turn] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    heard: set[tuple[int, str]] = field(default_factory=set)
    orphaned: list[MemberOrder] = field(default_factory=list)
    begun_at: datetime = NOON

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Have a manager that knows nothing but the definition."""
        self.orphaned = [each for each in self.pending if isinstance(each, MemberOrder)]
        self.state = PoolState.fresh(self.definition)
        self.state.begin(self.now)
        self.pending, self.begun_at, self.said = [], self.now, {}

    def turn(self) -> turning.Turn:
        """Have the manager take one turn, and hand its answers out."""
        turn = turning.turn(self.state, self.now)
        self.turns.append(turn)
        self._begin(turn.plan.calls)
        for answer in turn.answers:
            self._hear(answer)
        return turn

    def passes(self, seconds: float) -> None:
        """Let time pass; lifecycles mark what they were given before long."""
        self.now += timedelta(seconds=seconds)
        if self.now - self.begun_at > SPENT_WITHIN:
            self.orphaned = []
        for member, at in list(self.unmarked.items()):
            if self.now - at > MARKED_WITHIN:
                self.marks(member)

    def marks(self, member: str) -> None:
        """Have the lifecycle that was given a machine mark it."""
        self.unmarked.pop(member, None)
        if member in self.machines:
            self.machines[member].runner = names.runner(self.given[member], 1)

    def asks(self, asked: PoolClaim) -> None:
        """Have a job claim."""
        self.claims[asked.job_id] = asked
        claims.claimed(self.state, asked, self.now)

    def leaves(self, job_id: int, *, unused: bool = False) -> None:
        """Have a job end: its machine is gone, unless it was not even marked."""
        self.claims.pop(job_id, None)
        answer = self.answers.pop(job_id, None)
        member = answer.member if answer else ""
        unused = unused and member in self.unmarked
        if answer and member and unused:
            self.gives_back(answer)
        elif member:
            self.unmarked.pop(member, None)
            self.machines.pop(member, None)
        left = PoolLeave(job_id=job_id, attempt=1, member=member, gone=not unused, final=True)
        claims.left(self.state, left, self.now)

    def gives_back(self, answer: PoolAnswer) -> None:
        """Have a job say that it does not use what it was given."""
        self.unmarked.pop(answer.member, None)
        self.given.pop(answer.member, None)
        self.unused.append(answer.member)
        left = PoolLeave(job_id=answer.job_id, attempt=1, member=answer.member, unused=True)
        claims.left(self.state, left, self.now)

    def answered(self, call: Any, failure: str = "") -> None:
        """Answer one call, by what the cloud does."""
        self.pending.remove(call)
        match call:
            case MemberOrder():
                self._launch(call, failure)
            case MemberStop():
                self.machines[call.member].state = "stopped" if call.member in self.machines else ""
                membership.stopped(self.state, call.member, None, self.now)
            case MemberRelease():
                self._remove(call, failure)
            case (PoolSurvey(), facts):
                told = Failure(failure, "away") if failure else facts
                surveys.surveyed(self.state, told, self.now)

    def greet(self, member: str) -> None:
        """Have a machine's agent say that it stands by."""
        self.machines[member].greeted = True
        report = RunnerReport(runner=member, kind="standing_by", at=self.now)
        membership.reported(self.state, report, self.now)

    def obeys(self, turns: int = 60, step: float = 5) -> None:
        """Let everything go well for a while."""
        for _ in range(turns):
            self.turn()
            for call in list(self.pending):
                self.answered(call)
            for machine in list(self.machines.values()):
                if not machine.greeted and machine.state == "running":
                    self.greet(machine.member)
            self.passes(step)
        self.turn()

    def makes(self, order: MemberOrder) -> None:
        """Have the cloud launch what was ordered, whoever waits for it."""
        made = CloudMachine(order.member, f"i-{order.member}", order.spec_hash, self.now)
        self.machines.setdefault(order.member, made)

    def ready(self, tier: str) -> int:
        """Count what can be given out."""
        return sum(each.ready for each in self.state.members.values() if each.tier == tier)

    def _begin(self, calls: Calls) -> None:
        self.pending += [launch.order for launch in calls.launches]
        self.pending += [*calls.again, *calls.stops, *calls.releases]
        if calls.survey is not None:
            self.pending.append((calls.survey, self._facts()))

    def _facts(self) -> PoolFacts:
        listed = [
            MemberStatus.model_validate(
                {
                    "member": each.member,
                    "machine": Machine(machine_id=each.machine_id),
                    "state": each.state,
                    "spec_hash": each.spec_hash,
                    "runner": each.runner,
                    "wake": f"queue-{each.member}",
                    "launched_at": each.made_at,
                }
            )
            for each in self.machines.values()
        ]
        return PoolFacts(members=tuple(listed), site=self.site)

    def _launch(self, order: MemberOrder, failure: str) -> None:
        if failure not in ("NoCapacity", "Refused"):
            self.makes(order)
        told: MemberLaunched | Failure = MemberLaunched(
            machine=Machine(machine_id=f"i-{order.member}"), wake=f"queue-{order.member}"
        )
        told = Failure(failure, "as it happens") if failure else told
        membership.launched(self.state, order.member, told, self.now)

    def _remove(self, call: MemberRelease, failure: str) -> None:
        told: ReleaseResult | Failure
        if failure:
            told = Failure(failure, "as it happens")
        else:
            self.removed.append(call.member)
            seen = self.machines.pop(call.member, None) is not None
            told = ReleaseResult(machine_seen=seen)
        membership.released(self.state, call.member, told, self.now)

    def _hear(self, answer: PoolAnswer) -> None:
        """Be the lifecycle: the first answer counts, and a second member goes back."""
        said = self.said.setdefault(answer.job_id, answer)
        if said != answer:
            self.changed.append(f"{answer.job_id}: {said} became {answer}")
        mine = self.answers.setdefault(answer.job_id, answer)
        heard = (answer.job_id, answer.member) in self.heard
        self.heard.add((answer.job_id, answer.member))
        if answer.kind != "assigned" or heard:
            return
        if answer.member in (*self.given, *self.unused):
            self.doubled.append(answer.member)
        self.given[answer.member] = answer.job_id
        if mine is answer:
            self.unmarked[answer.member] = self.now
        else:
            self.gives_back(answer)
