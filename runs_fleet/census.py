"""What a sweep sees, remembers and tells: models only."""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from runs_fleet.hooks import Hook, HookState
from runs_fleet.models import MachineEvent, Mode, Scope, Wire
from runs_fleet.outcomes import JobOutcome

OwnerState = Literal["open", "closed", "absent"]
PartName = Literal[
    "deliveries",
    "machines",
    "strays",
    "members",
    "lost",
    "configs",
    "registrations",
    "queued",
    "archive",
]


class OwnedMachine(Wire):
    """A machine that bears our tags and has not ended; or what `remains` of one that has.

    A `member` of a pool has no runner until a job takes it; then it is as any other machine.
    """

    machine_id: str
    runner: str
    pool: str = ""
    member: str = ""
    repo: str = ""
    launched_at: datetime
    remains: bool = False


class HeldConfig(Wire):
    """A runner's config that waits for its machine; never its content."""

    machine_id: str
    written_at: datetime


class MachineIds(Wire):
    """Machines to ask the cloud about."""

    machine_ids: tuple[str, ...]


class RollCall(Wire):
    """Ask for the lifecycles of a mode, and for scopes of those begun since a moment."""

    mode: Mode
    since: datetime


class Roll(Wire):
    """The open lifecycles by job, each with its present machine (or ""), and scopes seen lately.

    `settled` are jobs that have succeeded: the end of their machines is no news. It is what the
    search shows, so a lifecycle may be missing: ask for its state before anything is done.
    """

    machines: dict[int, str] = Field(default_factory=dict)
    settled: tuple[int, ...] = ()
    scopes: tuple[Scope, ...] = ()


class Owners(Wire):
    """Lifecycles by job."""

    job_ids: tuple[int, ...]


class OwnerStates(Wire):
    """What each lifecycle is; all that were asked for."""

    states: dict[int, OwnerState]


class Orphan(Wire):
    """A machine to be removed; not `registered` when no mint was ever made for it."""

    machine: OwnedMachine
    scope: Scope | None = None
    registered: bool = True


class Removal(Wire):
    """How it went: `busy` means that GitHub says that the runner works, and it was kept."""

    busy: bool = False


class FoundRegistration(Wire):
    """One of our registrations that neither works nor is online; `place` is where it is."""

    place: str
    scope: Scope
    runner_id: int
    runner: str

    @property
    def key(self) -> str:
        """Name it, unlike any other."""
        return f"{self.place} {self.runner_id} {self.runner}"


class ScopeList(Wire):
    """Scopes to look into, most urgent first; none is begun after so many calls."""

    scopes: tuple[Scope, ...]
    calls: int


class Gleanings(Wire):
    """How far a look into several scopes came.

    `repos` have had their turn, also when `errors` kept us from looking; `limited` says why the
    look ended early.
    """

    repos: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    limited: str = ""


class RegistrationList(Gleanings):
    """What was found idle, and which places were looked through."""

    found: tuple[FoundRegistration, ...] = ()
    places: tuple[str, ...] = ()


class WaitingJob(Wire):
    """A job that GitHub says is queued, and that carries our label."""

    job_id: int
    run_id: int
    run_attempt: int = 1
    scope: Scope
    name: str = ""
    workflow: str = ""
    labels: tuple[str, ...]
    url: str = ""
    head_sha: str = ""
    queued_at: datetime


class WaitingList(Gleanings):
    """The waiting jobs that were found."""

    jobs: tuple[WaitingJob, ...] = ()


class Owner(Wire):
    """Which lifecycle."""

    job_id: int


class Telling(Wire):
    """What to tell which lifecycle."""

    job_id: int
    event: MachineEvent


class Progress(Wire):
    """What a lifecycle says of itself; None when it has ended meanwhile."""

    outcome: JobOutcome | None = None


class EndedCall(Wire):
    """Ask for the lifecycles of a mode that have closed in a span of time, the oldest first."""

    mode: Mode
    since: datetime
    until: datetime
    most: int


class EndedRoll(Wire):
    """Jobs whose lifecycles have closed, oldest first; until `through` there are no others."""

    job_ids: tuple[int, ...] = ()
    through: datetime


class Kept(Wire):
    """Whose outcomes the archive has, and why it has not those of others."""

    job_ids: tuple[int, ...] = ()
    failed: dict[int, str] = Field(default_factory=dict)


class Place(Wire):
    """A scope that jobs came from, and when one was seen last."""

    scope: Scope
    seen_at: datetime


class SweepLimits(Wire):
    """How much one run does at the most."""

    delivery_pages: int = 20
    redeliveries: int = 25
    repairs: int = 25
    registration_calls: int = 10
    queued_calls: int = 10
    outcomes: int = 250


class SweepState(Wire):
    """What a run leaves to the next one.

    `suspects` are, for each part, what was found amiss and when it may be acted upon; `listed`
    and `searched` say when a repository's registrations and queued jobs were looked at last.
    Outcomes of all that closed before `archived_to` were archived, and those of `archived` too;
    its suspects could not be, and since when.
    """

    hooks: dict[str, HookState] = Field(default_factory=dict)
    suspects: dict[str, dict[str, datetime]] = Field(default_factory=dict)
    places: dict[str, Place] = Field(default_factory=dict)
    listed: dict[str, datetime] = Field(default_factory=dict)
    searched: dict[str, datetime] = Field(default_factory=dict)
    successes: dict[str, datetime] = Field(default_factory=dict)
    rolled_at: datetime | None = None
    archived_to: datetime | None = None
    archived: tuple[int, ...] = ()


class SweepRequest(Wire):
    """How to sweep. `state` replaces what the last scheduled run has left.

    `archive` says that there is one, for the outcomes of what has ended.
    """

    mode: Mode = "ec2"
    dry_run: bool = False
    min_age: timedelta = timedelta(minutes=5)
    hooks: tuple[Hook, ...] = (Hook(),)
    limits: SweepLimits = SweepLimits()
    archive: bool = False
    state: SweepState | None = None

    @property
    def settle(self) -> timedelta:
        """How long to leave deliveries and queued jobs to themselves: a minute of five."""
        return self.min_age / 5


class Part(Wire):
    """What became of one part; `actions` are the first things done, or to be done if dry.

    looked    how many things it looked at
    repaired  how many it put right, or would
    kept      how many it left alone because their runner works
    failed    how many it could not put right; `error` says why, or why nothing was looked at
    skipped   why it did nothing on purpose
    """

    name: PartName
    looked: int = 0
    repaired: int = 0
    kept: int = 0
    failed: int = 0
    error: str = ""
    skipped: str = ""
    actions: tuple[str, ...] = ()
    last_success: datetime | None = None


class SweepReport(Wire):
    """What one run did; result of the workflow, and where the next one begins."""

    at: datetime
    dry_run: bool = False
    parts: tuple[Part, ...] = ()
    state: SweepState = Field(default_factory=SweepState)
