"""What the simulated AWS is told and what it tells: configuration, levers and books."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# What EC2 counts against the small buckets.
MUTATING = (
    "CreateFleet",
    "CreateTags",
    "DeleteTags",
    "RunInstances",
    "StartInstances",
    "StopInstances",
    "TerminateInstances",
)
State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
MarketName = Literal["spot", "on-demand"]


class Strict(BaseModel):
    """Base of what people write by hand: an unknown field is a typo."""

    model_config = ConfigDict(extra="forbid")


class Levers(Strict):
    """The manners that can be changed while the world runs. Times are seconds.

    `start_seconds` is how long a stopped machine takes to boot, if not as long as a new one.
    """

    boot_seconds: float = 0.3
    boot_spread: float = 0.1
    start_seconds: float | None = None
    shutdown_seconds: float = 0.2
    stop_seconds: float = 0.2
    shutdown_grace: float = 0.0
    reclaim_after: float = 1.0
    visibility_lag: float = 0.0
    never_register: int = 0
    slow_boots: int = 0
    slow_boot_seconds: float = 5.0
    capacity: int = 10_000
    machine_env: dict[str, str] = Field(default_factory=dict)
    # One event for each end, as docs/configuration.md has the rule.
    event_states: frozenset[State] = frozenset({"stopping", "shutting-down"})


class CapacityRule(Strict):
    """How much the pools that match have, and what they answer when they are empty."""

    market: str = "*"
    instance_type: str = "*"
    zone: str = "*"
    capacity: int = 0
    error: str = "InsufficientInstanceCapacity"


class Throttle(Strict):
    """A token bucket for one action: `burst` calls, then `refill` a second."""

    action: str
    burst: int = 5
    refill: float = 2.0


class Fault(Strict):
    """What befalls the next `times` calls of an action.

    error        refused before any effect, with `code` and `status`
    lost_answer  takes effect, then the connection is dropped
    late_error   takes effect, then `code` and `status` are answered
    delay        takes effect, then the answer is held for `seconds`
    """

    action: str
    kind: Literal["error", "lost_answer", "late_error", "delay"]
    times: int = 1
    code: str = "InternalError"
    message: str = "An internal error has occurred"
    status: int = 500
    seconds: float = 0.0


class AgentPlan(Strict):
    """How machines run their agent: a module in a fork, or a command as a process of its own."""

    module: str = "agent.__main__"
    command: tuple[str, ...] = ()
    runner: str | None = None
    preload: tuple[str, ...] = (
        "boto3",
        "pydantic",
        "structlog",
        "agent.__main__",
        "agent.aws",
        "agent.host_ec2",
        "runs_fleet.providers.ec2.own",
        "runs_fleet.providers.ec2.ssm",
        "runs_fleet.queues.sqs",
    )


class AwsConfig(Strict):
    """The whole world's configuration; `agent=None` makes machines that run nothing."""

    home: str = ""
    region: str = "us-east-1"
    seed: int = 1
    threads: int = 200
    ssm_prefix: str = "/runs-fleet/runners"
    events_queue: str = "runs-fleet-events"
    agent: AgentPlan | None = None
    levers: Levers = Field(default_factory=Levers)


class FleetCall(BaseModel):
    """One CreateFleet call; times are Unix time, `answered` is before any delay or loss."""

    token: str
    runners: tuple[str, ...] = ()
    app: str
    arrived: float
    answered: float | None = None
    error: str = ""
    instances: tuple[str, ...] = ()
    replayed: bool = False


class MachineRecord(BaseModel):
    """One machine that was ever made; `times` are Unix times of each state entered.

    `runner` is whose it is, by its tags and those of the machines that were made with it.
    """

    machine_id: str
    runner: str = ""
    token: str
    machine_type: str
    market: MarketName
    zone: str
    state: State
    cause: str = ""
    tags: dict[str, str]
    times: list[tuple[State, float]]
    noticed_at: float | None = None
    agent_pid: int | None = None
    agent_code: int | None = None

    def entered(self, state: State) -> float | None:
        """Tell when the machine first entered a state."""
        return next((at for name, at in self.times if name == state), None)


class Parameter(BaseModel):
    """What is known of one SSM parameter name; never its value."""

    written: int = 0
    read: int = 0
    deleted: int = 0
    there: bool = False


class QueueDepth(BaseModel):
    """How many messages a queue holds."""

    visible: int
    in_flight: int


class Books(BaseModel):
    """What was asked of this AWS: `calls` counts by action, then by the caller's app id."""

    calls: dict[str, dict[str, int]]
    fleets: list[FleetCall]
    parameters: dict[str, Parameter]
    queues: dict[str, QueueDepth]

    def count(self, *actions: str, app: str | None = None) -> int:
        """Count calls of these actions (all of them if none is named), of one app or of all."""
        return sum(
            number
            for action in actions or self.calls
            for caller, number in self.calls.get(action, {}).items()
            if app in (None, caller)
        )

    def mutations(self, *, app: str | None = None) -> int:
        """Count the calls that change something of EC2."""
        return self.count(*MUTATING, app=app)


class Setup(BaseModel):
    """An account ready for a fleet: templates, subnets of three zones, queues."""

    launch_template_amd64: str
    launch_template_arm64: str
    subnets: tuple[str, ...]
    private_subnets: tuple[str, ...]
    reports_queue_url: str
    dead_letter_queue_url: str
    events_queue_url: str
    ssm_prefix: str
    spool_queue_url: str
    spool_dead_letter_queue_url: str

    def env(self) -> Mapping[str, str]:
        """Spell the account as a worker's settings."""
        return {
            "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_AMD64": self.launch_template_amd64,
            "RUNS_FLEET_EC2_LAUNCH_TEMPLATE_ARM64": self.launch_template_arm64,
            "RUNS_FLEET_EC2_SUBNETS": ",".join(self.subnets),
            "RUNS_FLEET_EC2_PRIVATE_SUBNETS": ",".join(self.private_subnets),
            "RUNS_FLEET_EC2_REPORTS_QUEUE_URL": self.reports_queue_url,
            "RUNS_FLEET_EC2_EVENTS_QUEUE_URL": self.events_queue_url,
            "RUNS_FLEET_EC2_SPOOL_QUEUE_URL": self.spool_queue_url,
            "RUNS_FLEET_EC2_SSM_PREFIX": self.ssm_prefix,
        }
