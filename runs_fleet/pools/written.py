"""What may stand in `pools.yaml`, and how each value is written there.

Every value comes as text (see `lines`). Defaults are those of `definition`: what is not written is
not passed on.
"""

import re
from datetime import date, time, timedelta
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from runs_fleet.labels import GRAMMAR
from runs_fleet.models import Mode
from runs_fleet.pools import durations, specs
from runs_fleet.pools.definition import Day

DAYS: tuple[str, ...] = get_args(Day)
POOL_NAME = r"^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$"
REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9-]{0,99}/(\*|[A-Za-z0-9_.-]{1,100})$"
CLOCK = r"^([01][0-9]|2[0-4]):[0-5][0-9]$"
DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


def _duration(text: Any) -> timedelta:
    return durations.read(_text(text, "a length of time"))


def _clock(text: Any) -> time:
    text = _text(text, "a time of day")
    if not re.fullmatch(CLOCK, text) or (text.startswith("24") and text != "24:00"):
        raise ValueError(f"{text!r} is no time of day; write it as 08:00, from 00:00 to 24:00")
    return time.fromisoformat("00:00" if text == "24:00" else text)


def _date(text: Any) -> date:
    text = _text(text, "a date")
    try:
        return date.fromisoformat(text if re.fullmatch(DATE, text) else "")
    except ValueError:
        raise ValueError(f"{text!r} is no date; write it as 2026-12-24") from None


def _days(written: Any) -> tuple[str, ...]:
    """Read days and rows of days: `mon-fri`, or `[mon, wed, sat-sun]`."""
    parts = written if isinstance(written, list) else re.split(r"[,\s]+", str(written).strip())
    found = {day for part in parts for day in _row(_text(part, "a day").lower())}
    if not found:
        raise ValueError("there are no days; write them as mon-fri or [mon, wed, sat]")
    return tuple(day for day in DAYS if day in found)


def _row(text: str) -> tuple[str, ...]:
    first, _, last = text.partition("-")
    if first not in DAYS or (last or first) not in DAYS or text.endswith("-"):
        raise ValueError(f"{text!r} is no day and no row of days; days are {', '.join(DAYS)}")
    start, end = DAYS.index(first), DAYS.index(last or first)
    return DAYS[start : end + 1] if start <= end else (*DAYS[start:], *DAYS[: end + 1])


def _percentile(text: Any) -> float:
    text = _text(text, "a percentile").lower()
    match = re.fullmatch(r"p([0-9]{1,2}|100)", text)
    try:
        number = int(match[1]) / 100 if match else float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1:
        raise ValueError(f"{text!r} is no percentile; write it as p90 or 0.9, up to p100 or 1")
    return number


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} is wanted")
    return value.strip()


def _as_text(pattern: str, *examples: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


Duration = Annotated[
    timedelta, BeforeValidator(_duration), _as_text(durations.PATTERN, "30s", "15m", "4h")
]
Clock = Annotated[time, BeforeValidator(_clock), _as_text(CLOCK, "08:00")]
Date = Annotated[date, BeforeValidator(_date), _as_text(DATE, "2026-12-24")]
Days = Annotated[
    tuple[Day, ...],
    BeforeValidator(_days),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
         "examples": ["mon-fri", ["mon", "wed", "sat-sun"]]}
    ),
]  # fmt: skip
Percentile = Annotated[
    float,
    BeforeValidator(_percentile),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}],
         "examples": ["p90", 0.9]}
    ),
]  # fmt: skip
Count = Annotated[int, Field(ge=0)]
Repository = Annotated[str, Field(pattern=REPOSITORY, examples=["octo/hello", "octo/*"])]
Spec = Annotated[
    dict[str, Any],
    WithJsonSchema({
        "type": "object",
        "additionalProperties": False,
        "properties": {
            key: {"description": f"{GRAMMAR[key].meaning}: {GRAMMAR[key].accepts}"}
            for key in specs.KEYS
        },
    }),
]  # fmt: skip


class Written(BaseModel):
    """A section of the file: what is not known in it is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Targets(Written):
    """How many free members of each tier to keep."""

    listening: Count = Field(default=0, description="members that are registered at GitHub")
    hot: Count = Field(default=0, description="machines that are up; in k8s placeholder pods")
    stopped: Count = Field(default=0, description="machines that were booted once and stopped")


class Window(Written):
    """Targets for some hours of some days."""

    days: Days = Field(description="days on which it begins: mon-fri, or a list")
    start: Clock = Field(description="time of day at which it begins")
    end: Clock = Field(description="time of day at which it ends; at or before start: a day later")
    targets: Targets = Field(description="free members to keep meanwhile")


class Override(Written):
    """Targets for whole dates, which come before every window."""

    first: Date = Field(description="first date")
    last: Date = Field(description="last date, included")
    targets: Targets = Field(description="free members to keep meanwhile")


class Schedule(Written):
    """When other targets hold than the pool's own."""

    time_zone: str = Field(default="UTC", description="IANA name of the clock: Europe/Berlin")
    windows: tuple[Window, ...] = Field(default=(), description="hours of the week, first wins")
    overrides: tuple[Override, ...] = Field(default=(), description="dates; before every window")


class Demand(Written):
    """Size one tier by how many jobs there were at once."""

    tier: Literal["hot", "stopped"] = Field(default="hot", description="tier that is sized")
    percentile: Percentile = Field(default=0.9, description="of the jobs at once, by the minute")
    window: Duration = Field(default=timedelta(hours=1), description="how far it looks back")
    floor: Count = Field(default=0, description="least number of machines, busy ones included")
    cap: Count = Field(description="highest number of machines, busy ones included")
    linger: Duration = Field(
        default=timedelta(minutes=15), description="how long the size stays after the need fell"
    )


class Listening(Written):
    """Where and as what members of the listening tier register at GitHub."""

    repository: str = Field(
        pattern=REPOSITORY.replace(r"\*|", ""), description="repository at which they register"
    )
    organization: str | None = Field(
        default=None, description="register at this organization instead, which owns repository"
    )
    installation: int | None = Field(
        default=None, ge=1, description="id of the GitHub App's installation; else it is looked up"
    )
    label: str = Field(description="the one fixed label that jobs ask with, without a run id")
    patience: Duration = Field(
        default=timedelta(seconds=3), description="how long a job waits for a listening member"
    )


class Cache(Written):
    """Volumes that are leased to one runner at a time (k8s)."""

    size: int = Field(ge=1, description="GiB of each volume")
    volumes: int = Field(ge=1, description="how many there are")
    storage_class: str | None = Field(default=None, description="else the cluster's default")
    path: str = Field(default="/home/runner/cache", description="where a runner finds it")


class Sized(Written):
    """What a pool and the template of ephemeral pools have in common."""

    targets: Targets = Field(default=Targets(), description="free members to keep of each tier")
    min: Count = Field(default=0, description="free members to keep whatever else says")
    max: Count = Field(description="highest number of members, busy ones included")
    idle_timeout: Duration = Field(
        default=timedelta(minutes=15), description="how long a member above the targets may stay"
    )
    schedule: Schedule = Field(default=Schedule(), description="other targets at other times")
    demand: Demand | None = Field(default=None, description="size by what was needed")


class Pool(Sized):
    """One pool."""

    name: str = Field(pattern=POOL_NAME, description="what jobs call it by: pool=<name>")
    mode: Mode = Field(description="where its members are: ec2 or k8s")
    spec: Spec = Field(description="its machines, with the keys and values of labels")
    repositories: tuple[Repository, ...] = Field(
        default=(), description="whose jobs it serves: owner/name or owner/*; none means all"
    )
    weights: dict[Repository, Annotated[int, Field(ge=1)]] = Field(
        default={}, description="who is served first when it is short; 1 unless said"
    )
    repository_limit: int | None = Field(
        default=None, ge=1, description="how many members one repository may hold"
    )
    listening: Listening | None = Field(default=None, description="where the listening tier is")
    cache: Cache | None = Field(default=None, description="volumes leased to runners (k8s)")


class Template(Sized):
    """What ephemeral pools are like."""

    idle_life: Duration = Field(
        default=timedelta(hours=4), description="how long after its last job a pool is gone"
    )


class Ephemeral(Written):
    """Pools that come into being because a job names them."""

    repositories: tuple[Repository, ...] = Field(min_length=1, description="whose jobs may")
    names: tuple[str, ...] = Field(default=("*",), description="patterns of the names that may be")
    max_pools: Count = Field(default=10, description="how many there may be at once")
    template: Template = Field(description="what they are like; the spec is the job's")


class File(Written):
    """A whole `pools.yaml`."""

    pools: tuple[Pool, ...] = Field(default=(), description="the pools")
    ephemeral: Ephemeral | None = Field(default=None, description="pools that jobs may call for")
