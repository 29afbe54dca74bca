"""What a test asks of the fake GitHub: runs to create, patience to change, trouble to make."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Conclusion = Literal[
    "success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"
]
Kind = Literal["job", "waiting", "skipped", "hosted", "foreign"]
HookTarget = Literal["integration", "organization"]


class Plan(BaseModel):
    """Base for levers: a misspelt one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JobPlan(Plan):
    """One job of a run.

    kind: `waiting` stands behind a deployment gate until it is approved; `skipped` and `foreign`
    (another app's check run) are completed at once; `hosted` runs on GitHub's own machines.
    `labels` may contain `${{ github.run_id }}`. `group` without labels is `runs-on: {group: g}`.
    `mute` swallows the `queued` webhook of the job; `first` puts it before all others in line.
    """

    name: str = "build"
    labels: tuple[str, ...] = ()
    seconds: float = Field(default=0.2, ge=0)
    conclusion: Conclusion = "success"
    kind: Kind = "job"
    group: str | None = None
    environment: str = "production"
    mute: bool = False
    first: bool = False


class RunPlan(Plan):
    """One workflow run; with `org` the repository's owner is an organization."""

    repo: str = Field(default="acme/app", pattern=r"^[^/\s]+/[^/\s]+$")
    org: bool = True
    workflow: str = "CI"
    branch: str = "main"
    jobs: tuple[JobPlan, ...] = Field(default=(JobPlan(),), min_length=1)


class CreatedRun(BaseModel):
    """The ids that GitHub gave; `jobs` in the order of the plan."""

    run_id: int
    run_attempt: int
    jobs: tuple[int, ...]


class Settings(Plan):
    """How patient this GitHub is, in seconds; the comments give the real figures.

    `offline_after` is how long GitHub believes in a runner whose connection broke; `poll_gap`
    how long it does so between two polls; None switches a removal off.
    """

    pickup_timeout: float = 60  # 60
    deregister_after: float = 0.2  # "a few to tens of seconds"
    lease_ttl: float = 5  # 600
    cancel_timeout: float = 10  # 300
    idle_ttl: float | None = None  # 120 to 360
    unused_ttl: float | None = None  # 300
    session_ttl: float = 300
    offline_after: float = 0
    poll_gap: float = 5
    poll_seconds: float = 50  # 50
    hosted_delay: float = 0.2
    token_ttl: float = 3600  # 3600
    hook_timeout: float = 10  # 10
    hook_connections: int = 64
    core_limit: int = 5000  # 5,000 to 15,000 an hour
    registration_limit: int = 10_000  # 10,000 an hour
    secondary_concurrency: int = 100  # 100
    secondary_points: int = 900  # 900 a minute and endpoint; reads cost 1, writes 5
    rerun_while_running: bool = False  # False


class Chaos(Plan):
    """What may happen to a webhook: probabilities, and seconds of delay at the most."""

    drop: float = Field(default=0, ge=0, le=1)
    double: float = Field(default=0, ge=0, le=1)
    reorder: float = Field(default=0, ge=0, le=1)
    delay: float = Field(default=0, ge=0)
    hooks: tuple[HookTarget, ...] = ("integration",)


class Fault(Plan):
    """Trouble for the next `times` calls whose method and path match (shell patterns).

    Without `status`, `reset` or `lose_answer` the call is only delayed. `reset` breaks the
    connection before anything happened, `lose_answer` after it did.
    """

    method: str = "*"
    path: str = "*"
    times: int = Field(default=1, ge=1)
    status: int | None = None
    headers: dict[str, str] = {}
    body: dict[str, object] | None = None
    delay: float = 0
    reset: bool = False
    lose_answer: bool = False


class OneJob(Plan):
    """Which job."""

    job_id: int


class OneRun(Plan):
    """Which run."""

    run_id: int


class OneRunner(Plan):
    """Which runner, by name."""

    runner: str


class JobOnRunner(Plan):
    """Which job shall go to which runner."""

    job_id: int
    runner: str


class OneDelivery(Plan):
    """Which delivery."""

    delivery_id: int


class Installation(Plan):
    """Whose repository the app is installed on."""

    repo: str
    org: bool = True


class Owner(Plan):
    """Which account."""

    owner: str


class Group(Plan):
    """A runner group of every organization."""

    name: str


class Receiver(Plan):
    """Where webhooks go, and the secret that signs them; None leaves what is."""

    url: str | None = None
    secrets: tuple[str, ...] | None = None


class Drain(Plan):
    """What is left of every caller's budget, and when the next hour begins."""

    resource: Literal["core", "actions_runner_registration"] = "core"
    remaining: int = 0
    reset_in: float = 60


class RawEvent(Plan):
    """A webhook event of any kind, sent as it is."""

    event: str
    payload: dict[str, object]
    action: str | None = None
    job_id: int | None = None


class Nothing(Plan):
    """No parameters."""


class Secrets(BaseModel):
    """Every JIT config that was ever minted, and every token of installations and for runners."""

    jit_configs: tuple[str, ...] = Field(repr=False)
    tokens: tuple[str, ...] = Field(repr=False)


class Progress(BaseModel):
    """A small look at everything, cheap enough for a live display."""

    jobs: dict[str, int] = {}
    online: int = 0
    busy: int = 0
    deliveries_pending: int = 0
    violations: tuple[str, ...] = ()
