"""What one lifecycle knows: its job's demand, and each runner made for it; no I/O, no clock."""

from dataclasses import dataclass, field
from datetime import datetime

from runs_fleet import names
from runs_fleet.demand import RESULTS, Demand
from runs_fleet.loans import Loans
from runs_fleet.models import JobEvent, JobRequest, Machine, MachineEvent, RunnerReport
from runs_fleet.pools.dealings import Dealings

# What ended the demand without GitHub's word is void once GitHub says that the job has a runner.
REVOCABLE = frozenset({"gave_up", "vanished"})
CONFIG_LEFT = "config not removed"
INTERRUPTED = "interrupted"
MAX_RUNTIME = "max_runtime"
MOST_EARLY = 20


@dataclass
class Runner:
    """One runner: ordered, made, registered, perhaps taken, and at last gone.

    `ended` is what its agent said of its end (`cut_short`: because its machine was going), `lost`
    what the cloud said of its machine (`taken`: though it had not come to its end), `stalled` what
    the machine waits for, `cause` why this lifecycle let go of it; `look_at` is when to try its
    removal again. `doubtful` means that no answer came to an order: a machine may exist, or show
    late; `unseen` counts removals that found none. `reminted` means that it may have been minted
    twice. `member` is what its pool gave, `wake` where its agent stands by, `cache` its volume.
    """

    attempt: int
    name: str
    ordered_at: datetime
    machine: Machine | None = None
    member: str = ""
    tier: str = ""
    wake: str = ""
    cache: str = ""
    created_at: datetime | None = None
    runner_id: int | None = None
    by_token: bool = False
    registering: bool = False
    reminted: bool = False
    config_read: bool = False
    ready_at: datetime | None = None
    started_at: datetime | None = None
    serving: int | None = None
    serving_since: datetime | None = None
    spent: bool = False
    spent_at: datetime | None = None
    deregistered: bool = False
    ended: str = ""
    ended_at: datetime | None = None
    cut_short: bool = False
    lost: str = ""
    lost_at: datetime | None = None
    taken: bool = True
    informed: bool = False
    stalled: str = ""
    stalled_at: datetime | None = None
    cause: str = ""
    cause_at: datetime | None = None
    detail: str = ""
    busy_at: datetime | None = None
    look_at: datetime | None = None
    looks: int = 0
    doubtful: bool = False
    unseen: int = 0
    gone_at: datetime | None = None

    @property
    def answered(self) -> bool:
        """Whether it is known how it is registered: under an id, or by its own agent."""
        return self.runner_id is not None or self.by_token

    @property
    def lost_early(self) -> bool:
        """Whether its machine went before its agent had come to an end of its own."""
        return bool(self.lost) and (not self.ended or self.cut_short)

    @property
    def reclaimed(self) -> bool:
        """Whether it was the cloud that took its machine so early."""
        return self.lost_early and self.taken

    @property
    def running(self) -> bool:
        """Whether GitHub says that it works a job, and has not said that this job is over."""
        return self.serving is not None and not self.spent

    @property
    def spent_quietly(self) -> bool:
        """Whether GitHub has removed the registration by itself: it ran its job to its end."""
        return self.deregistered and self.ended in RESULTS

    def drop(self, cause: str, now: datetime) -> None:
        """Let go of it: the first cause is the one that counts."""
        self.cause, self.cause_at = self.cause or cause, self.cause_at or now

    def fold_report(self, report: RunnerReport, now: datetime) -> None:
        """Take one report in; the first of each kind counts, by our clock and not the machine's."""
        self.detail = report.detail or self.detail
        if report.kind == "ready" and self.ready_at is None:
            self.ready_at = now
            # A mint that is still out may write another config for it.
            once = self.answered and not self.reminted
            self.config_read = report.detail != CONFIG_LEFT and once
        elif report.kind == "started" and self.started_at is None:
            self.started_at = now
        elif report.kind == "interrupted":
            self._lose(INTERRUPTED, now)
        elif report.kind in ("finished", "failed") and not self.ended:
            self.ended, self.ended_at = report.outcome or report.kind, now
            self.cut_short = INTERRUPTED in (report.outcome, report.detail)
            self.look_anew()

    def fold_machine(self, event: MachineEvent, now: datetime) -> None:
        """Take one event of the cloud in, by the cloud's clock where that is not ahead of ours."""
        if self.member and event.at < (self.created_at or event.at):
            return  # It befell a pool's machine before that was given to this runner.
        self.detail = event.detail or self.detail
        if event.kind == "stalled":
            self.stalled, self.stalled_at = event.cause, min(event.at, now)
            return
        how = INTERRUPTED if event.kind == "interruption" else event.cause or "gone"
        self._lose(how, min(event.at, now), taken=event.taken)

    def _lose(self, how: str, at: datetime, *, taken: bool = True) -> None:
        """Note a loss; the end of a machine that we or its agent brought about is none.

        A code of the provider (`Server.SpotInstanceTermination`, `Evicted`) says more than a word
        of ours that came before.
        """
        let_go = bool(self.cause) and (not self.running or self.cause == MAX_RUNTIME)
        # What its agent said last of being told to stop may come before what it said first.
        over = bool(self.ended) and not self.cut_short
        if over or let_go or self.gone_at is not None:
            return
        if not self.lost:
            self.look_anew()
        if not self.lost or (self.lost.islower() and not how.islower()):
            self.lost, self.taken = how, taken
        self.lost_at = min(self.lost_at or at, at)

    def fold_job(self, event: JobEvent, now: datetime) -> None:
        """Take in that GitHub gave this runner a job, or that this job is over."""
        self.serving = event.job_id
        self.serving_since = self.serving_since or now
        if event.phase == "completed" and not self.spent:
            self.spent, self.spent_at = True, now
            # A mint that is still out may register it once more.
            self.deregistered = self.answered and not self.reminted
            self.look_anew()

    def look_anew(self) -> None:
        """Forget past patience: what kept it may be over."""
        self.look_at, self.looks = None, 0


@dataclass
class Ledger:
    """All that a lifecycle knows. `over` says why the demand ended when not by GitHub's word.

    `trace` is what the cloud said of the machine that had the job: taken, kept, or unknown,
    `mourned` what another lifecycle said of it. Until `quiet_until` GitHub registers no runner.
    `served_at` is when the job's runner got known.
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
    early: list[MachineEvent] = field(default_factory=list)
    rerun: str = ""
    told: str = ""

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
        stranger = bool(event.runner) and self.runner(event.runner) is None
        if stranger and event.kind == "gone" and event.taken:
            self.mourned = event

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
