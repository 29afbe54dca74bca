"""What a check may find, and how checks are run: side by side, each with a time limit."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, NamedTuple, TypeVar, cast

from temporalio.service import RPCError

from runs_fleet.errors import FleetError
from runs_fleet.redaction import redact

# Longer than the clients' own limits, whose errors tell more.
LIMIT = 30.0
LONGEST = 600
Site = TypeVar("Site")
Answer = TypeVar("Answer")


class Status(StrEnum):
    """How a check ended, from good to bad; `skipped` says nothing."""

    OK = "ok"
    SKIPPED = "skipped"
    WARNING = "warning"
    FAILED = "failed"


class Verdict(NamedTuple):
    """What a check says, and what to do about it."""

    status: Status
    said: str
    cure: str = ""


def well(said: str) -> Verdict:
    """All is as it should be."""
    return Verdict(Status.OK, said)


def skipped(said: str) -> Verdict:
    """It could not be looked at, or there is nothing to look at."""
    return Verdict(Status.SKIPPED, said)


def warning(said: str, cure: str) -> Verdict:
    """Jobs run all the same."""
    return Verdict(Status.WARNING, said, cure)


def failed(said: str, cure: str = "") -> Verdict:
    """Some jobs, or all, will not run or be lost."""
    return Verdict(Status.FAILED, said, cure)


def worst(bad: Sequence[str], odd: Sequence[str], good: str, *, cure: str) -> Verdict:
    """Judge by what was found: anything bad fails, anything odd warns."""
    said = "; ".join((*bad, *odd))
    if bad:
        return failed(said, cure)
    return warning(said, cure) if odd else well(good)


class Finding(NamedTuple):
    """A verdict, and on what; `area` groups what belongs together."""

    area: str
    check: str
    status: Status
    said: str
    cure: str


@dataclass(frozen=True)
class Opened(Generic[Site]):
    """What the opening of an area found, and what its checks look at; None, and they cannot."""

    verdicts: Mapping[str, Verdict]
    site: Site | None = None


Look = Callable[[Site], Verdict | Awaitable[Verdict]]
Opening = Callable[[ExitStack], Opened[Site] | Awaitable[Opened[Site]]]


@dataclass(frozen=True)
class Area(Generic[Site]):
    """Checks that look at the same place, which has to be opened first.

    The opening has checks of its own, `opens`; what it puts on its stack is closed at the end.
    """

    title: str
    opens: Sequence[str]
    opening: Opening[Site]
    checks: Mapping[str, Look[Site]] = field(default_factory=dict)


def left_out(title: str, checks: Iterable[str], why: str) -> list[Finding]:
    """List checks that nobody can make."""
    return [_finding(title, name, skipped(why)) for name in checks]


async def examine(areas: Sequence[Area[Any]]) -> list[Finding]:
    """Run all checks of all areas, and list what they found in their order."""
    found = await asyncio.gather(*(_examined(area) for area in areas))
    return [finding for findings in found for finding in findings]


async def _examined(area: Area[Site]) -> list[Finding]:
    with ExitStack() as stack:
        try:
            opened = await _called(area.opening, stack)
        except Exception as error:
            opened = Opened({area.opens[0]: _judged(error)})
        return [*_opened(area, opened), *await _looked(area, opened.site)]


def _opened(area: Area[Site], opened: Opened[Site]) -> Iterator[Finding]:
    for name in area.opens:
        yield _finding(area.title, name, opened.verdicts.get(name) or _not_looked_at(area))


async def _looked(area: Area[Site], site: Site | None) -> list[Finding]:
    if site is None:
        return left_out(area.title, area.checks, _not_looked_at(area).said)
    verdicts = await asyncio.gather(*(_verdict(look, site) for look in area.checks.values()))
    return [_finding(area.title, *each) for each in zip(area.checks, verdicts, strict=True)]


async def _verdict(look: Look[Site], site: Site) -> Verdict:
    try:
        return await _called(look, site)
    # One check that breaks must not take the others' findings with it.
    except Exception as error:
        return _judged(error)


async def _called(function: Callable[[Any], Answer | Awaitable[Answer]], given: Any) -> Answer:
    if inspect.iscoroutinefunction(function):
        waiting = cast(Awaitable[Answer], function(given))
    else:
        waiting = asyncio.to_thread(cast(Callable[[Any], Answer], function), given)
    return await asyncio.wait_for(waiting, LIMIT)


def _judged(error: Exception) -> Verdict:
    if isinstance(error, TimeoutError):
        return failed(f"no answer within {LIMIT:.0f} s")
    if isinstance(error, RPCError):
        return failed(f"Temporal answered {error.status.name}: {error.message}")
    if isinstance(error, FleetError):
        return failed(str(error))
    # Its message may hold anything.
    return failed(f"the check itself broke ({type(error).__name__})", "report it as a bug")


def _not_looked_at(area: Area[Any]) -> Verdict:
    return skipped(f"not looked at, because of {area.title}'s first trouble")


def _finding(area: str, check: str, verdict: Verdict) -> Finding:
    said, cure = map(_tidy, verdict[1:])
    if verdict.status in (Status.WARNING, Status.FAILED) and not cure:
        cure = f"see docs/doctor.md#{check.lower().replace(' ', '-')}"
    return Finding(area, check, verdict.status, said, cure)


def _tidy(text: str) -> str:
    """Mask what looks like a secret, and keep each line to a bearable length."""
    return "\n".join(" ".join(line.split())[:LONGEST] for line in redact(text).splitlines())
