"""What is asked and told when a runner is taken away: immutable payloads, as all are."""

from datetime import datetime

from runs_fleet.models import Machine, Mode, Scope, Wire


class RunnerFacts(Wire):
    """What is known of a runner that goes, for whoever watches the fleet; see `telemetry`.

    `final` means that its job is over and has no other runner left, so that the job's state,
    conclusion and times are its last.
    """

    runner: str
    job_id: int
    attempt: int
    repo: str
    workflow: str = ""
    job: str = ""
    mode: Mode
    pool: str = ""
    final: bool = False
    state: str = ""
    conclusion: str = ""
    cause: str = ""
    served_job: int | None = None
    machine: Machine | None = None
    queued_at: datetime | None = None
    delivered_at: datetime | None = None
    ordered_at: datetime | None = None
    placed_at: datetime | None = None
    ready_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class ReleaseRequest(Wire):
    """Take one runner away, by the guarded order.

    `spent` means that it ran its job to the end: it has deregistered itself, nothing to guard.
    `force` takes even a busy one: maximum runtime and operators only.
    `registered` is false when no mint was ever begun for it, so GitHub cannot know it.
    `config_read` means that the agent said it removed its config, so nobody else has to.
    `member` is the name of the pool's machine that it was on.
    `telemetry` is what to write down once it is gone, if anything.
    """

    runner: str
    scope: Scope
    runner_id: int | None = None
    machine_id: str | None = None
    member: str = ""
    registered: bool = True
    spent: bool = False
    force: bool = False
    config_read: bool = False
    telemetry: RunnerFacts | None = None


class ReleaseResult(Wire):
    """`busy` means GitHub said the runner is working: it was kept, come back later."""

    busy: bool = False
    machine_seen: bool = True
