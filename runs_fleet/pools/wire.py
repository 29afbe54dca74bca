"""What pools, lifecycles and activities say to each other."""

from datetime import datetime, timedelta
from typing import Literal

from runs_fleet.models import Machine, Policy, RunnerSpec, Scope, Wire
from runs_fleet.pools.definition import Cache, PoolDefinition, Tier


class PoolClaim(Wire):
    """A lifecycle asks its pool for a warm member, for one attempt; a repeat gets the same answer.

    `runner` is the name that the runner will have. `waited` means that the job has been patient
    already: it wants a member now, or none.
    """

    job_id: int
    attempt: int
    runner: str
    repo: str
    label: str
    spec: RunnerSpec
    asked_at: datetime
    waited: bool = False


class PoolLeave(Wire):
    """A lifecycle has no more use of its pool.

    `member` is the one that it was given and has, or whose machine is gone by now (`gone`); a
    member that it did not use after all (`unused`) was given to nobody, and is removed by the pool.
    `final` means that the job is over. Of an agent that did not say that it ended something may
    still be `running` for a while.
    """

    job_id: int
    attempt: int
    member: str = ""
    unused: bool = False
    gone: bool = False
    final: bool = False
    running: bool = False


class PoolAnswer(Wire):
    """What a pool answers a claim, at once.

    assigned  the member is this attempt's alone; `tier` says what has to be done to it
    patient   listening members are free: wait until `until` for GitHub to give one the job, then
              claim again
    none      nothing warm is free: go the cold way; `reason` says why, for people
    booked    without a claim: one of the pool's listening members has the job
    absent    from who claimed for the lifecycle: nobody keeps such a pool
    `wake` is the address at which a hot member waits. `cache` is a volume leased to the attempt.
    """

    kind: Literal["assigned", "patient", "none", "booked", "absent"]
    job_id: int
    attempt: int
    pool: str
    member: str = ""
    tier: Tier | None = None
    machine: Machine | None = None
    wake: str = ""
    cache: str = ""
    until: datetime | None = None
    reason: str = ""


class MemberOrder(Wire):
    """One deliberate try to launch a member; `token` never makes a second machine.

    Bought on demand. `stopped` members boot once, tell that they stand by, and are stopped.
    """

    pool: str
    member: str
    token: str
    spec: RunnerSpec
    spec_hash: str
    wide: bool = False
    idle_limit: timedelta


class MemberLaunched(Wire):
    """A member's machine, and where it will wait to be woken."""

    machine: Machine
    wake: str = ""


class MemberTake(Wire):
    """Make a member the runner of a job of `repo`: mark it, and start it when it is stopped."""

    pool: str
    member: str
    machine_id: str
    runner: str
    repo: str = ""
    start: bool = False


class MemberStop(Wire):
    """Stop a member's machine; stopping and stopped is a success."""

    member: str
    machine_id: str


class MemberRelease(Wire):
    """Take a member away, by the guarded order when it was ever registered by its pool."""

    member: str
    machine_id: str | None = None
    scope: Scope | None = None
    runner: str = ""
    runner_id: int | None = None
    registered: bool = False
    spent: bool = False
    force: bool = False


class MemberRegistration(Wire):
    """Register a listening member under its pool's label, and hand it the config."""

    member: str
    runner: str
    machine_id: str
    wake: str
    scope: Scope
    label: str
    idle_limit: timedelta
    max_runtime: timedelta


class PoolSurvey(Wire):
    """Ask the cloud what it has of a pool, and what a machine of its spec would be made of.

    Agents that wait at the addresses of `poke` are to say that they stand by. Of the `watched`
    members it is to be told as well that their machines have ended.
    """

    pool: str
    spec: RunnerSpec = RunnerSpec()
    poke: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()


class MemberStatus(Wire):
    """A member's machine as the cloud sees it; `runner` of `repo` is the job's that took it."""

    member: str
    machine: Machine
    state: Literal["pending", "running", "stopping", "stopped", "gone"]
    spec_hash: str = ""
    runner: str = ""
    repo: str = ""
    wake: str = ""
    launched_at: datetime | None = None


class PoolFacts(Wire):
    """What the cloud has of a pool; another `site` (image, launch template) asks for new ones."""

    members: tuple[MemberStatus, ...]
    site: str = ""


class PlaceholderOrder(Wire):
    """Keep so many placeholder pods, and the pool's cache volumes.

    Volumes that are not wanted any more are removed, but `leased` ones stay. With `remove` nothing
    is kept but those: order it again until no volume is left. Of `doubted` ones it is to be told
    whether a pod has them. Placeholders that were made before `recycled_at` are made anew.
    """

    pool: str
    spec: RunnerSpec
    replicas: int
    cache: Cache | None = None
    leased: tuple[str, ...] = ()
    doubted: tuple[str, ...] = ()
    recycled_at: datetime | None = None
    remove: bool = False


class PlaceholderFacts(Wire):
    """What the cluster has of a pool: pods that run, those that are missing, and volumes.

    `volumes` may be leased; those that are `leaving` must not be any more. Of them `made` were not
    there before, and pods of runners have those `mounted` that were doubted. `trouble` says what
    keeps a missing pod, in the cluster's own words.
    """

    ready: int
    pending: int = 0
    volumes: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    mounted: tuple[str, ...] = ()
    trouble: str = ""


class PoolOperation(Wire):
    """What an operator does to a pool by hand; kept in the pool's record of operations.

    drain    let all free members go, and give none out until `resume`
    pause    give none out and launch none until `resume`; members stay
    resume   end drain, pause and resize
    recycle  replace every free member, one after the other; placeholders all at once
    resize   keep `targets` whatever the definition says, until `resume` or a new definition
    """

    kind: Literal["drain", "pause", "resume", "recycle", "resize"]
    by: str
    reason: str = ""
    targets: "dict[Tier, int] | None" = None


class PoolSettings(Wire):
    """A new definition for a pool, and who gave it: somebody, or a `source` that workers read.

    `policy` is theirs, by which machines boot and jobs run, and which only workers know. With
    `policy_alone` the definition stays what it is.
    """

    definition: PoolDefinition
    by: str = ""
    source: bool = False
    policy: Policy | None = None
    policy_alone: bool = False
