"""All that a pool's manager knows: it rides through every continue-as-new, and is folded into."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from runs_fleet import names
from runs_fleet.models import Machine, Policy, Scope, Wire
from runs_fleet.pools.definition import PoolDefinition, Targets, Tier
from runs_fleet.pools.sizing import Record
from runs_fleet.pools.wire import (
    MemberStatus,
    PlaceholderFacts,
    PoolAnswer,
    PoolClaim,
    PoolOperation,
)

Phase = Literal[
    "ordering", "booting", "free", "registering", "listening", "stopping", "stopped",
    "claimed", "leaving",
]  # fmt: skip
Call = Literal["", "launch", "stop", "release", "register"]
TIERS: tuple[Tier, ...] = ("hot", "listening", "stopped")
# The phase in which a member of a tier is what the tier is for.
READY: dict[Tier, Phase] = {"hot": "free", "listening": "listening", "stopped": "stopped"}
MOST_OPERATIONS = 100
DEFAULT_POLICY = Policy()
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Kept(BaseModel):
    """Base of what the manager changes in place, and nobody else ever sees."""

    model_config = ConfigDict(extra="ignore")


class Member(Kept):
    """One machine of the pool, from its order to its end.

    `call` is what is under way for it outside; `cause` is why it goes, `look_at` when to try again.
    `doubtful` means that an order went out and no answer came: a machine may show late, and
    `unseen` counts removals that found none. `missed` counts surveys that did not show it.
    `registered` means that GitHub may know it, at `scope` and by `label`: it goes by the guarded
    order; a `booked` one has a job that GitHub gave it.
    """

    name: str
    tier: Tier
    phase: Phase = "ordering"
    since: datetime
    made_at: datetime
    spec_hash: str = ""
    wide: bool = False
    machine: Machine | None = None
    wake: str = ""
    call: Call = ""
    heard: bool = False
    job_id: int | None = None
    attempt: int = 0
    repo: str = ""
    booked: bool = False
    mint: int = 0
    runner_id: int | None = None
    registered: bool = False
    scope: Scope | None = None
    label: str = ""
    spent: bool = False
    cause: str = ""
    look_at: datetime | None = None
    tries: int = 0
    doubtful: bool = False
    unseen: int = 0
    missed: int = 0

    @property
    def ready(self) -> bool:
        """Whether it is what its tier is for."""
        return self.phase == READY[self.tier]

    @property
    def kept(self) -> bool:
        """Whether it is nobody's, and not on its way out: what targets count."""
        return self.phase not in ("claimed", "leaving")

    @property
    def runner(self) -> str:
        """Its name at GitHub, by its present registration."""
        return names.member_runner(self.name, self.mint)

    def enter(self, phase: Phase, now: datetime) -> None:
        """Be in another phase from now on."""
        self.phase, self.since = phase, now
        self.look_at, self.tries = None, 0

    def dismiss(self, cause: str, now: datetime) -> None:
        """Let it go; the first cause is the one that counts."""
        if self.phase != "leaving":
            self.cause = cause
            self.enter("leaving", now)


class Stranger(Kept):
    """A machine of the pool that the manager did not know when it looked, as it was last seen.

    `heard` means that its agent has said since that it stands by.
    """

    status: MemberStatus
    seen_at: datetime
    heard: bool = False


class Job(Kept):
    """A job that has claimed and is not over."""

    repo: str
    heard_at: datetime
    patient_until: datetime | None = None


class Lease(Kept):
    """A volume that is one attempt's alone."""

    job_id: int
    attempt: int
    since: datetime


class Operation(Wire):
    """What was done to the pool by hand, or by a new definition: who, when, what and why."""

    at: datetime
    by: str
    kind: str
    reason: str = ""
    targets: dict[Tier, int] | None = None

    @classmethod
    def of(cls, asked: PoolOperation, now: datetime) -> "Operation":
        """Write down what an operator asks for."""
        return cls(at=now, by=asked.by, kind=asked.kind, reason=asked.reason, targets=asked.targets)


class PoolState(Kept):
    """One pool as its manager knows it; input of `PoolManager`.

    `waiting` are claims to be answered, `answered` what was said to each, `notices` what is to be
    said unasked. `strangers` are machines that the cloud has and the manager does not know. `site`
    is what machines are made of, by the last survey; no survey yet, no launch. `departed` went
    while a survey was under way, which may still show them; the last one showed what was so at
    `shown_at`. `returned` were given by a manager before this one, and not used; `doubted` volumes
    may have been lent by it, and those `let_go` may still be in use. What workers read last is
    `sourced`. An `untried` definition was held to no rule before the manager began; `refused` says
    what is wrong with it, and such a manager ends at once.
    """

    definition: PoolDefinition
    sourced: PoolDefinition | None = None
    series: str = ""
    number: int = 0
    begun_at: datetime | None = None
    members: dict[str, Member] = Field(default_factory=dict)
    waiting: list[PoolClaim] = Field(default_factory=list)
    answered: dict[str, PoolAnswer] = Field(default_factory=dict)
    notices: list[PoolAnswer] = Field(default_factory=list)
    totals: dict[str, int] = Field(default_factory=dict)
    jobs: dict[int, Job] = Field(default_factory=dict)
    record: Record = Record()
    last_claim_at: datetime | None = None
    operations: list[Operation] = Field(default_factory=list)
    held: Literal["", "drain", "pause"] = ""
    resized: dict[Tier, int] | None = None
    recycle_at: datetime | None = None
    recycled_at: datetime | None = None
    ending: str = ""
    untried: bool = False
    refused: str = ""
    site: str = ""
    surveying: bool = False
    survey_begun_at: datetime | None = None
    shown_at: datetime | None = None
    departed: list[str] = Field(default_factory=list)
    returned: list[str] = Field(default_factory=list)
    surveyed_at: datetime | None = None
    survey_at: datetime | None = None
    strangers: dict[str, Stranger] = Field(default_factory=dict)
    failures: int = 0
    rest_until: datetime | None = None
    trouble: str = ""
    surplus_since: dict[Tier, datetime] = Field(default_factory=dict)
    mints: list[datetime] = Field(default_factory=list)
    replicas: int | None = None
    keeping: bool = False
    kept_at: datetime | None = None
    keep_at: datetime | None = None
    removing: bool = False
    removed: bool = False
    facts: PlaceholderFacts | None = None
    leases: dict[str, Lease] = Field(default_factory=dict)
    keep_begun_at: datetime | None = None
    doubted: list[str] = Field(default_factory=list)
    doubted_at: datetime | None = None
    let_go: dict[str, datetime] = Field(default_factory=dict)
    # An order of a manager that was terminated may take effect for as long as a call lasts.
    settling: timedelta = timedelta(seconds=12)
    adopted_after: timedelta = timedelta(minutes=1)
    look_again: timedelta = timedelta(seconds=20)
    longest_history: int = 2000
    # Managers that began before there was a choice go on as they began, or could not be replayed.
    survey_every: timedelta = timedelta(minutes=5)
    boot_patience: timedelta | None = None
    boot_limit: timedelta = DEFAULT_POLICY.boot_timeout
    max_runtime: timedelta = DEFAULT_POLICY.max_runtime

    @classmethod
    def fresh(cls, definition: PoolDefinition, policy: Policy = DEFAULT_POLICY) -> "PoolState":
        """Make the state of a pool that has not begun."""
        return cls(
            definition=definition,
            untried=True,
            boot_limit=policy.boot_timeout,
            max_runtime=policy.max_runtime,
            survey_every=timedelta(minutes=2),
            boot_patience=timedelta(minutes=1),
        )

    def begin(self, now: datetime) -> None:
        """Name the series when the manager begins for the first time."""
        if not self.series:
            self.series, self.begun_at = series(now), now

    @property
    def settles_at(self) -> datetime:
        """When nothing of a manager that was there before takes effect any more."""
        assert self.begun_at is not None, "it has begun"
        return self.begun_at + self.settling

    @property
    def settled(self) -> bool:
        """Whether the cloud was seen as it is with nobody else at work."""
        shown = self.shown_at if self.surveyed_at else None
        return shown is not None and shown >= self.settles_at

    def depart(self, name: str) -> None:
        """Know a member no more: its machine is gone, or never was."""
        del self.members[name]
        if self.surveying:
            self.departed.append(name)

    @property
    def counted(self) -> int:
        """All machines that count against `max`: also claimed, leaving and unknown ones."""
        return len(self.members) + len(self.strangers)

    @property
    def claimed(self) -> list[Member]:
        """The members that have a job."""
        return [each for each in self.members.values() if each.phase == "claimed"]

    def of(self, tier: Tier) -> list[Member]:
        """List the free members of a tier and those on their way to it, longest there first."""
        found = [each for each in self.members.values() if each.tier == tier and each.kept]
        return sorted(found, key=lambda each: each.since)

    def note_jobs(self, now: datetime) -> None:
        """Write down how many jobs there are at once."""
        self.record = self.record.add(now, len(self.jobs), keep=self._remembered)

    def operate(self, operation: Operation) -> None:
        """Keep the record of what was done by hand."""
        self.operations = [*self.operations, operation][-MOST_OPERATIONS:]

    def count(self, what: str) -> None:
        """Count how a claim was answered."""
        self.totals[what] = self.totals.get(what, 0) + 1

    @property
    def _remembered(self) -> timedelta:
        demand = self.definition.demand
        return demand.window + demand.linger if demand else timedelta(minutes=1)


def series(now: datetime) -> str:
    """Name a series by the second in which it begins, in base 36."""
    number, text = int(now.timestamp()), ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        text = DIGITS[digit] + text
    return text.rjust(6, "0")


def targets_of(targets: Targets, tier: Tier) -> int:
    """Read one tier's number."""
    return int(getattr(targets, tier))
