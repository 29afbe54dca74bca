"""What the rooms say to each other: immutable payloads, deaf to what a newer peer adds."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Arch = Literal["amd64", "arm64"]
Mode = Literal["ec2", "k8s"]
Phase = Literal["queued", "in_progress", "completed"]


class Wire(BaseModel):
    """Base for payloads. No secret ever goes into one: they show in the Temporal UI."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Market(StrEnum):
    """How a machine is bought."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class Span(Wire):
    """A closed range; no `most` means no upper bound."""

    least: int = Field(ge=1)
    most: int | None = None


class RunnerSpec(Wire):
    """The machine that one label asks for. `ram` and `disk` are GiB."""

    cpu: Span = Span(least=2, most=4)
    ram: Span = Span(least=1)
    arch: Arch | None = None
    families: tuple[str, ...] = ()
    gen: int | None = None
    disk: int | None = None
    pool: str | None = None
    spot: bool = True
    private: bool = False
    backend: Mode | None = None
    rerun: bool = True
    docker: bool = False


class Policy(Wire):
    """How patient a lifecycle is, and whether it tells people at GitHub why it gave up.

    Without `pool_patience`, the time to wait for a pool's answer, no pool is asked. Part of its
    input, so that a replay never changes its mind.
    """

    boot_timeout: timedelta = timedelta(minutes=10)
    pickup_timeout: timedelta = timedelta(minutes=10)
    theft_grace: timedelta = timedelta(seconds=10)
    finish_grace: timedelta = timedelta(seconds=10)
    silence: timedelta = timedelta(minutes=10)
    max_runtime: timedelta = timedelta(hours=12)
    max_wait: timedelta = timedelta(hours=20)
    retry_least: timedelta = timedelta(seconds=10)
    retry_most: timedelta = timedelta(minutes=10)
    busy_look: timedelta = timedelta(seconds=15)
    tell: bool = True
    pool_patience: timedelta | None = None


class Scope(Wire):
    """Where a runner registers, and with which installation's token to ask.

    With `org` the runner registers at the organization, without it at the repository.
    `repo` is always the full name of the job's repository.
    """

    repo: str
    org: str | None = None
    installation_id: int | None = None


class JobRequest(Wire):
    """A lifecycle's input: a queued job.

    With `one_call` each runner is made and registered in one call, with `sparing` the list of jobs
    is only told what lasts. Lifecycles that began before there was either go on without. Who starts
    a `claimed` one sends the first claim to its pool.
    """

    job_id: int
    run_id: int
    run_attempt: int = 1
    scope: Scope
    name: str = ""
    workflow: str = ""
    head_sha: str = ""
    labels: tuple[str, ...]
    label: str
    spec: RunnerSpec | None = None
    refusal: str | None = None
    url: str = ""
    queued_at: datetime
    delivered_at: datetime
    delivery: str = ""
    mode: Mode = "ec2"
    policy: Policy = Policy()
    one_call: bool = False
    sparing: bool = False
    claimed: bool = False

    @property
    def late(self) -> bool:
        """Whether it was so long on its way that GitHub is asked about the job first."""
        return self.delivered_at - self.queued_at > timedelta(minutes=1)


class JobEvent(Wire):
    """What GitHub says of one job, by webhook or by REST; the older of two is harmless."""

    job_id: int
    phase: Phase
    conclusion: str | None = None
    runner_name: str | None = None
    at: datetime
    source: Literal["webhook", "rest"] = "webhook"
    repo: str = ""


ReportKind = Literal["standing_by", "ready", "started", "finished", "interrupted", "failed"]


class RunnerReport(Wire):
    """What an agent says of its runner: a hint, never the last word.

    standing_by  the agent of a pool's member waits for a runner's config; `runner` is the member
    ready        the agent has its config (and removed it from the store) and is starting the runner
    started      the runner printed `Running job: <job>`
    finished     the runner ended by itself; `outcome` says how
    interrupted  the machine is about to be taken away (spot notice, SIGTERM)
    failed       the runner could not be started or broke; `outcome` says how
    `outcome` is one of Succeeded, SucceededWithIssues, Failed, Canceled, Skipped, Abandoned,
    no_job, idle, registration_lost, conflict, outdated, interrupted, max_runtime, broken.
    """

    runner: str
    kind: ReportKind
    at: datetime
    machine_id: str = ""
    job: str = ""
    outcome: str = ""
    detail: str = ""


class MachineEvent(Wire):
    """What the cloud says of a machine; `cause` is the provider's own code.

    interruption  the machine will be taken in about two minutes
    gone          the machine is stopping, stopped, shutting down or terminated
    stalled       the machine does not get on, and may never: `cause` names why, `detail` tells it
    `taken` is false where the runner came to this end by itself, or by what its job did. `noticed`
    means that `at` is when the end was noticed: it may have come long before.
    """

    machine_id: str
    runner: str = ""
    kind: Literal["interruption", "gone", "stalled"]
    cause: str = ""
    detail: str = ""
    taken: bool = True
    at: datetime
    noticed: bool = False


class Rung(Wire):
    """One way to buy a machine: `wide` also takes types outside the default families."""

    market: Market
    wide: bool = False


class MachineOrder(Wire):
    """One deliberate try to create a runner's machine.

    `token` is the idempotency key: the same token never makes a second machine; every
    deliberate next try carries a new one. `cache` is a volume leased from its pool.
    """

    runner: str
    token: str
    job_id: int
    attempt: int
    repo: str
    labels: tuple[str, ...] = ()
    spec: RunnerSpec
    rung: Rung
    cache: str = ""


class Machine(Wire):
    """A machine that exists; `price` is US dollars per hour where known."""

    machine_id: str
    machine_type: str = ""
    market: Market = Market.ON_DEMAND
    zone: str = ""
    price: float | None = None


class MachineStatus(Wire):
    """A machine as the cloud sees it; `cause` is why it ended, `taken` if the cloud ended it."""

    machine_id: str
    state: Literal["pending", "running", "stopping", "stopped", "gone"]
    runner: str = ""
    cause: str = ""
    taken: bool = False


class RunnerLookup(Wire):
    """Which runner to ask the cloud about, by name."""

    runner: str


class RegistrationRequest(Wire):
    """Mint a JIT config for `runner` and hand it to its machine; nothing secret comes back.

    `wake` is where a pool's member stands by that has to be told of it.
    """

    runner: str
    machine_id: str
    scope: Scope
    labels: tuple[str, ...]
    idle_limit: timedelta
    max_runtime: timedelta
    wake: str = ""


class Registration(Wire):
    """A runner as registered at GitHub."""

    runner_id: int
    runner: str
    online: bool = False
    busy: bool = False


class JobLookup(Wire):
    """Which job to ask GitHub about."""

    scope: Scope
    job_id: int
