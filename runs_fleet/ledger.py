"""What one lifecycle knows: its job's demand, and each runner made for it; no I/O, no clock."""

from dataclasses import dataclass, field
from datetime import datetime

from runs_fleet import names
from runs_fleet.demand import Demand
from runs_fleet.loans import Loans
from runs_fleet.models import JobEvent, JobRequest, Machine, MachineEvent, RunnerReport
from runs_fleet.pools.dealings import Dealings
from runs_fleet.runner import Runner

# What ended the demand without GitHub's word is void once GitHub says that the job has a runner.
REVOCABLE = frozenset({"gave_up", "vanished"})
MOST_EARLY = 20


@dataclass
class Ledger:
    """All that a lifecycle knows. `over` says why the demand ended when not by GitHub's word.

    `trace` is what the cloud said of the machine that had the job: taken, kept, or unknown,
    `mourned` and `warned` what another lifecycle said of it. Until `quiet_until` GitHub registers
    no runner. `served_at` is when the job's runner got known.
    """

    request: JobRequest
    begun_at: datetime
    demand: Demand = field(default_factory=Demand)
    runners: list[Runner] = field(default_factory=list)
    loans: Loans = field(default_factory=Loans)
    dealings: Dealings = field(default_factory=Dealings)
    orders: int = 0
    rung: int = 0
    passes: int = 0
    rest_until: datetime | None = None
    quiet_until: datetime | None = None
    news_at: datetime | None = None
    served_at: datetime | None = None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    over: str = ""
    reason: str = ""
    trace: str = ""
    traces: int = 0
    trace_at: datetime | None = None
    mourned: MachineEvent | None = None
    warned: MachineEvent | None = None
    early: list[MachineEvent] = field(default_factory=list)
    rerun: str = ""
    told: str = ""

    def __post_init__(self) -> None:
        if self.request.claimed:
            self.dealings.expect(self.begun_at)

    @property
    def active(self) -> Runner | None:
        """The runner that this job still counts on, if any."""
        last = self.runners[-1] if self.runners else None
        return last if last and not last.cause and last.gone_at is None else None

    @property
    def held(self) -> list[Runner]:
        """The runners that are not gone yet."""
        return [runner for runner in self.runners if runner.gone_at is None]

    @property
    def done(self) -> bool:
        """Whether the job needs nothing more."""
        return bool(self.over) or self.demand.phase == "completed"

    def runner(self, name: str | None) -> Runner | None:
        """Find one of this lifecycle's runners; GitHub's names have no case."""
        if not name or not self.runners:
            return None
        wanted = name.lower()
        return next((runner for runner in self.runners if runner.name == wanted), None)

    def next_runner(self, now: datetime) -> Runner:
        """Open the next attempt: a new name, a ladder from its first rung."""
        attempt = len(self.runners) + 1
        made = Runner(attempt, names.runner(self.request.job_id, attempt), ordered_at=now)
        self.runners.append(made)
        self.orders = self.rung = 0
        return made

    def note_full(self, now: datetime, *, rungs: int) -> None:
        """Take in that a rung had no capacity: the next one, after a full pass a growing rest."""
        self.rung += 1
        self.rest_until = None
        if self.rung % rungs == 0:
            policy = self.request.policy
            pause = min(policy.retry_least * (1 << min(self.passes, 10)), policy.retry_most)
            self.passes, self.rest_until = self.passes + 1, now + pause

    def note_machine_made(self, runner: Runner, machine: Machine, now: datetime) -> None:
        """Take in that an order was fulfilled."""
        runner.machine, runner.created_at, runner.doubtful = machine, now, False
        self.rest_until, self.passes = None, 0
        early, self.early = self.early, []
        for event in early:
            self.note_machine(event, now)

    def note_kept(self, runner: Runner, now: datetime, *, busy: bool) -> None:
        """Take in that a runner could not be removed yet: look again, less and less often."""
        policy = self.request.policy
        runner.busy_at = now if busy else runner.busy_at
        runner.look_at = now + min(policy.busy_look * (1 << min(runner.looks, 10)), policy.silence)
        runner.looks += 1

    def note_github(self, event: JobEvent, now: datetime) -> None:
        """Fold what GitHub says of this job, or of the job that one of its runners got."""
        named = event.runner_name
        if event.job_id == self.request.job_id:
            self._note_own(event, now)
            # Some completed events no longer name the runner that the job had.
            named = named or self.demand.runner
        if event.phase != "queued" and (runner := self.runner(named)):
            runner.fold_job(event, now)

    def _note_own(self, event: JobEvent, now: datetime) -> None:
        if event.source == "rest":
            self.answered_at = now
        if self.demand.fold(event):
            self.news_at = now
            self.served_at = self.served_at or (now if self.demand.runner else None)
            if self.over in REVOCABLE and self.demand.runner:
                self.over = self.reason = ""

    def note_report(self, report: RunnerReport, now: datetime) -> None:
        """Fold what an agent says; a stranger's report changes nothing."""
        if runner := self.runner(report.runner):
            runner.fold_report(report, now)

    def note_machine(self, event: MachineEvent, now: datetime) -> None:
        """Fold what the cloud says of a machine; a stranger changes nothing."""
        if any(runner.machine is None for runner in self.held):
            # It may be of the machine that the answer to an order is about to name.
            self.early = [*self.early[-MOST_EARLY:], event]
        for runner in self.runners:
            if runner.machine and runner.machine.machine_id == event.machine_id:
                runner.fold_machine(event, now)
        if event.taken and event.runner and self.runner(event.runner) is None:
            self.mourned = event if event.kind == "gone" else self.mourned
            self.warned = event if event.kind == "interruption" else self.warned

    @property
    def state(self) -> str:
        """One word for the list of jobs."""
        if self.over:
            return self.over
        if self.demand.phase == "completed":
            unserved = self.demand.started_at is None and not self.demand.runner
            never_ran = self.demand.conclusion == "cancelled" and unserved
            return "cancelled" if never_ran else "completed"
        if self.demand.phase == "in_progress":
            return "running"
        if (active := self.active) is None or active.machine is None:
            return "waiting" if self.rest_until or self.runners[1:] else "placing"
        return "booting" if active.ready_at is None else "idle"
