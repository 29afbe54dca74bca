"""What one lifecycle knows of a runner made for its job; no I/O, no clock."""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet.demand import RESULTS
from runs_fleet.models import JobEvent, Machine, MachineEvent, RunnerReport

CONFIG_LEFT = "config not removed"
INTERRUPTED = "interrupted"
MAX_RUNTIME = "max_runtime"


@dataclass
class Runner:
    """One runner: ordered, made, registered, perhaps taken, and at last gone.

    `ended` is what its agent said of its end (`cut_short`: because its machine was going), `lost`
    what the cloud said of its machine (`taken`: though it had not come to its end; `warned_at`:
    when it began to take it; `vague`: it may have been long before `lost_at`), `stalled` what the
    machine waits for, `cause` why this lifecycle let go of it; `look_at` is when to try its removal
    again. `doubtful` means that no answer came to an order: a machine may exist, or show late;
    `unseen` counts removals that found none. `reminted` means that it may have been minted twice.
    `member` is what its pool gave, `wake` where its agent stands by, `cache` its volume.
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
    warned_at: datetime | None = None
    vague: bool = False
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
        warned, at = event.kind == "interruption", min(event.at, now)
        # Of a pod it is told when its end began; of an instance, when it had come.
        begun = warned or event.runner == event.machine_id
        if begun and event.taken and not event.noticed:
            self.warned_at = min(self.warned_at or at, at)
        before = self.lost_at
        self._lose(INTERRUPTED if warned else event.cause or "gone", at, taken=event.taken)
        if self.lost_at is not None:
            self.vague = event.noticed and (before is None or self.vague)

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
