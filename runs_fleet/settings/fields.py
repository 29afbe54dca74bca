"""The kinds of values that variables hold, and how each is read from text."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

PREFIX = "RUNS_FLEET_"
SPOOL = "the URL of an SQS FIFO queue, which ends in .fifo"
LONGEST = timedelta(days=30)
UNITS = {"days": 86_400, "hours": 3600, "minutes": 60, "seconds": 1}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION = re.compile(
    rf"(?=.)(?:(?P<days>{_NUMBER})d)?(?:(?P<hours>{_NUMBER})h)?"
    rf"(?:(?P<minutes>{_NUMBER})m)?(?:(?P<seconds>{_NUMBER})s?)?"
)
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplate.html
_TEMPLATE = re.compile(r"(?P<template>[A-Za-z0-9().\-/_]{3,128})(?::(?P<version>[1-9][0-9]*))?")


def setting(variable: str, accepted: str, **options: Any) -> Any:
    """Bind a field to its variable; `accepted` ends the message of every mistake with it."""
    return Field(validation_alias=f"{PREFIX}{variable}", description=accepted, **options)


def secret(variable: str, accepted: str, **options: Any) -> Any:
    """Bind a field whose value no message and no repr may show."""
    return setting(variable, accepted, repr=False, **options)


class LaunchTemplate(BaseModel):
    """An EC2 launch template by id or by name; without `version` its default one."""

    model_config = ConfigDict(frozen=True)

    id: str | None = None
    name: str | None = None
    version: int | None = None


def duration(value: object) -> object:
    """Read 90s, 10m, 1h30m or plain seconds; what is no text is left to pydantic."""
    if not isinstance(value, str):
        return value
    match = _DURATION.fullmatch(value.strip().lower())
    if match is None:
        raise ValueError("not a duration")
    seconds = sum(float(number) * UNITS[unit] for unit, number in match.groupdict("0").items())
    # Cut, because timedelta overflows on what a slip of the finger can type.
    return timedelta(seconds=min(seconds, 1e9))


def _sensible(value: timedelta) -> timedelta:
    if not timedelta(0) < value <= LONGEST:
        raise ValueError(f"must be more than nothing and at most {LONGEST.days} days")
    return value


def split(value: object) -> object:
    """Read a comma list, without empty parts and repeats."""
    if not isinstance(value, str):
        return value
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def launch_template(value: object) -> object:
    """Read `lt-0abc`, `lt-0abc:7`, `name` or `name:7`."""
    if not isinstance(value, str):
        return value
    match = _TEMPLATE.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a launch template")
    key = "id" if match["template"].startswith("lt-") else "name"
    return {key: match["template"], "version": match["version"]}


def url(value: str) -> str:
    """Read an http or https address, and leave its last slash away."""
    parts = urlsplit(value.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an http or https address")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no user, query or fragment")
    return value.strip().rstrip("/")


def _parameter_path(value: str) -> str:
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
    if not re.fullmatch(r"(/[A-Za-z0-9_.\-]+)+/?", value) or value.startswith(("/aws", "/ssm")):
        raise ValueError("not a parameter path of ours")
    return value.rstrip("/")


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


def _readable(path: Path) -> Path:
    read_text(path)
    return path


def _makeable(path: Path) -> Path:
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise ValueError("cannot be made there")
    return path


def read_text(path: Path) -> str:
    """Read a file that a variable names; ValueError never quotes what is in it."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read ({type(error).__name__})") from None


def _fifo(value: str) -> str:
    if not value.endswith(".fifo"):
        raise ValueError("not a FIFO queue")
    return value


def _some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not value:
        raise ValueError("names nothing")
    return value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


UPPER = BeforeValidator(_upper)
LOWER = BeforeValidator(_lower)
COMMAS = BeforeValidator(split)
# Not `min_length`, which also counts a list as short when its only item is wrong.
SOME = AfterValidator(_some)

Duration = Annotated[timedelta, BeforeValidator(duration), AfterValidator(_sensible)]
Template = Annotated[LaunchTemplate, BeforeValidator(launch_template)]
Url = Annotated[str, AfterValidator(url)]
Port = Annotated[int, Field(ge=0, le=65535)]
Subnet = Annotated[str, Field(pattern=r"^subnet-[0-9A-Za-z-]+$")]
Subnets = Annotated[tuple[Subnet, ...], COMMAS]
Family = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
Families = Annotated[tuple[Family, ...], COMMAS]
# Events of one job must keep their order.
FifoUrl = Annotated[str, AfterValidator(url), AfterValidator(_fifo)]
ParameterPath = Annotated[str, AfterValidator(_parameter_path)]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
ReadableFile = Annotated[Path, AfterValidator(_readable)]
FileToMake = Annotated[Path, AfterValidator(_makeable)]
