"""What an operator wants of a pool: how many warm machines, of which kind, when, and for whom."""

from datetime import date, time, timedelta
from typing import Literal

from pydantic import Field

from runs_fleet.models import Mode, RunnerSpec, Scope, Wire

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Tier = Literal["listening", "hot", "stopped"]


class Targets(Wire):
    """How many *free* members of each tier to keep; a claimed one is replaced at once.

    In Kubernetes mode `hot` is the number of placeholder pods, and the others must be 0.
    """

    listening: int = Field(default=0, ge=0)
    hot: int = Field(default=0, ge=0)
    stopped: int = Field(default=0, ge=0)


class Window(Wire):
    """Targets for some hours of some days, by the schedule's time zone.

    `end` at or before `start` is on the next day. The first window that holds counts.
    """

    days: tuple[Day, ...]
    start: time
    end: time
    targets: Targets


class Override(Wire):
    """Targets for whole dates, `first` to `last` included; comes before every window."""

    first: date
    last: date
    targets: Targets


class Schedule(Wire):
    """When other targets hold than the pool's own; `time_zone` is an IANA name."""

    time_zone: str = "UTC"
    windows: tuple[Window, ...] = ()
    overrides: tuple[Override, ...] = ()


class Demand(Wire):
    """Size the `tier` by what was needed: a percentile of the jobs at once over a rolling window.

    The size never leaves `floor` to `cap`, and falls only after `linger` without need of more.
    """

    tier: Literal["hot", "stopped"] = "hot"
    percentile: float = Field(default=0.9, gt=0, le=1)
    window: timedelta = timedelta(hours=1)
    floor: int = Field(default=0, ge=0)
    cap: int = Field(ge=0)
    linger: timedelta = timedelta(minutes=15)


class Listening(Wire):
    """Where members of the listening tier register, under exactly one fixed label.

    A job of this label waits up to `patience` for them while the pool has free ones.
    """

    scope: Scope
    label: str
    patience: timedelta = timedelta(seconds=3)


class Cache(Wire):
    """Volumes that are leased to one runner at a time (Kubernetes mode); `size` is GiB."""

    size: int = Field(ge=1)
    volumes: int = Field(ge=1)
    storage_class: str | None = None
    path: str = "/home/runner/cache"


class PoolDefinition(Wire):
    """One pool.

    `max` bounds all members, claimed ones included; `min` is the least number of free members of
    the tier that `demand` sizes, else of hot ones, whatever schedule and demand say. A free member
    above the targets goes after `idle_timeout`. `repositories` are `owner/name` or `owner/*`, none
    means all; `weights` say by the same patterns who is served first when the pool is short (1
    unless said), `repository_limit` how many members one repository may hold. An `ephemeral` pool
    is gone `idle_life` after its last claim.
    """

    name: str = Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$")
    mode: Mode
    spec: RunnerSpec
    targets: Targets = Targets()
    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)
    idle_timeout: timedelta = timedelta(minutes=15)
    schedule: Schedule = Schedule()
    demand: Demand | None = None
    repositories: tuple[str, ...] = ()
    weights: dict[str, int] = Field(default_factory=dict)
    repository_limit: int | None = None
    listening: Listening | None = None
    cache: Cache | None = None
    ephemeral: bool = False
    idle_life: timedelta = timedelta(hours=4)


class EphemeralTemplate(Wire):
    """What every ephemeral pool is like; its spec is that of the job that called it into being."""

    targets: Targets = Targets()
    min: int = Field(default=0, ge=0)
    max: int = Field(ge=0)
    idle_timeout: timedelta = timedelta(minutes=15)
    schedule: Schedule = Schedule()
    demand: Demand | None = None
    idle_life: timedelta = timedelta(hours=4)


class EphemeralPolicy(Wire):
    """Which pools may come into being because a job names them, and what they are like.

    Jobs of `repositories` may (`owner/name` or `owner/*`; none means nobody), by names that one of
    the patterns `names` fits, as long as there are fewer than `max_pools` of such pools.
    """

    repositories: tuple[str, ...]
    names: tuple[str, ...] = ("*",)
    max_pools: int = Field(default=10, ge=0)
    template: EphemeralTemplate
