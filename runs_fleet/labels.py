"""What a job asks of us, read from its `runs-on` labels; pure.

One label carries everything: `runs-fleet`, `runs-fleet/<key>=<value>/...` or
`runs-fleet=<run-id>/<key>=<value>/...`. Keys and values are compared without case, as GitHub
compares labels.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from runs_fleet.models import Mode, RunnerSpec, Span

MARKER = "runs-fleet"
MOST_CPU = 896
MOST_RAM = 32768
GIB_PER_CPU = 2
SHOWN = 200
PLAIN = ("gen", "disk", "pool", "spot", "private", "backend", "rerun", "docker")

_RUN_ID = re.compile(r"[A-Za-z0-9._-]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_RUNNER = re.compile(r"(?P<cpu>[1-9][0-9]{0,5})cpu-(?P<os>[a-z]+)-(?P<arch>[a-z0-9_]+)")
_FAMILY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_POOL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_ARCHES = {
    "amd64": "amd64", "x64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A label of ours that makes sense, as given, and the machine it asks for."""

    label: str
    spec: RunnerSpec


@dataclass(frozen=True)
class Refusal:
    """A label of ours that does not; `message` says which part and what would be accepted."""

    label: str
    message: str


class _Unreadable(ValueError):
    """A part of a label cannot be honoured."""


class _Asked(NamedTuple):
    """What `runner=` asks for by itself."""

    cpu: Span
    ram: Span
    arch: str


@dataclass(frozen=True)
class Option:
    """One key: what it means, which values it takes, and how to read them."""

    meaning: str
    accepts: str
    read: Callable[[str], Any]


def parse(labels: Sequence[str]) -> Request | Refusal | None:
    """Return what a job asks of us, or None if it asks somebody else. Never raises."""
    ours = {label.strip().lower(): label for label in labels if _is_ours(label)}
    if not ours:
        return None
    label, *others = ours.values()
    try:
        if others:
            raise _Unreadable(f"{_show(others[0])} is ours as well; a job may carry only one")
        return Request(label, _spec(_options(label)))
    except _Unreadable as error:
        return Refusal(label, f"label {_show(label)}: {error}")


def allow(found: Request | Refusal, backends: Collection[Mode]) -> Request | Refusal:
    """Refuse a request for a backend that this fleet does not drive."""
    if isinstance(found, Refusal) or found.spec.backend in {None, *backends}:
        return found
    part = f"part 'backend={found.spec.backend}'"
    return Refusal(
        found.label,
        f"label {_show(found.label)}: {part}: this fleet serves {_either(sorted(backends))} only",
    )


def render(spec: RunnerSpec) -> str:
    """Write the label that asks for `spec`; `parse` reads it back."""
    plain = RunnerSpec()
    values: dict[str, object] = {
        "cpu": _range(spec.cpu),
        "ram": _range(spec.ram),
        "arch": spec.arch,
        "family": "+".join(spec.families) or None,
        "gen": spec.gen,
        "disk": spec.disk,
        "pool": spec.pool,
        "backend": spec.backend,
    }
    for key in ("spot", "private", "rerun", "docker"):
        value = getattr(spec, key)
        values[key] = None if value == getattr(plain, key) else str(value).lower()
    return "/".join([MARKER, *(f"{k}={v}" for k, v in values.items() if v is not None)])


def _range(span: Span) -> str:
    return str(span.least) if span.most is None else f"{span.least}+{span.most}"


def _is_ours(label: str) -> bool:
    return label.strip().lower().partition("/")[0].partition("=")[0] == MARKER


def _options(label: str) -> dict[str, Any]:
    """Read every part; the same key twice is fine as long as it says the same."""
    head, *parts = label.strip().split("/")
    _check_head(head)
    if parts and not parts[-1]:  # one trailing slash is what an empty expression leaves behind
        parts.pop()
    found: dict[str, Any] = {}
    for part in parts:
        key, value = _option(part)
        if found.setdefault(key, value) != value:
            raise _Unreadable(f"part {_show(part)}: {key!r} is given twice with different values")
    return found


def _check_head(head: str) -> None:
    _, equals, run_id = head.partition("=")
    if equals and not _RUN_ID.fullmatch(run_id):
        raise _Unreadable(
            f"part {_show(head)}: the run id is empty or malformed; accepted: {MARKER}, "
            f"or {MARKER}=<run id> with letters, digits, '.', '_' and '-'"
        )


def _option(part: str) -> tuple[str, Any]:
    key, equals, value = part.partition("=")
    key = key.lower()
    if key not in GRAMMAR:
        raise _Unreadable(_unknown(part, key))
    option = GRAMMAR[key]
    try:
        if not equals:
            raise _Unreadable("the value is missing")
        return key, option.read(value.lower())
    except _Unreadable as error:
        raise _Unreadable(
            f"part {_show(part)}: {error}; accepted: {key}={option.accepts}"
        ) from None


def _unknown(part: str, key: str) -> str:
    if not part:
        return "an empty part between two slashes; accepted: key=value parts, one slash between"
    close = get_close_matches(key[:SHOWN], GRAMMAR, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"part {_show(part)}: unknown key {_show(key)}{hint}; accepted: {', '.join(GRAMMAR)}"


def _spec(options: Mapping[str, Any]) -> RunnerSpec:
    asked: _Asked | None = options.get("runner")
    cpu, ram, arch = options.get("cpu"), options.get("ram"), options.get("arch")
    if asked:
        cpu = _narrowed("cpu", cpu, within=asked.cpu)
        ram = _narrowed("ram", ram, within=asked.ram)
        if arch not in (None, asked.arch):
            raise _Unreadable(f"part 'arch={arch}' contradicts the {asked.arch} of 'runner='")
        arch = asked.arch
    ram = ram or RunnerSpec().ram
    return RunnerSpec(
        cpu=cpu or _cpu_beside(ram),
        ram=ram,
        arch=arch,
        families=options.get("family", ()),
        **{key: options[key] for key in PLAIN if key in options},
    )


def _narrowed(key: str, span: Span | None, *, within: Span) -> Span:
    """An explicit range beside `runner=` may narrow what that asks for, never leave it."""
    if span is None:
        return within
    if span.least < within.least or (within.most and (span.most or MOST_CPU) > within.most):
        raise _Unreadable(
            f"part '{key}={_range(span)}' contradicts 'runner=', which asks for "
            f"{_range(within)}{'' if within.most else ' or more'}"
        )
    return span


def _cpu_beside(ram: Span) -> Span:
    """Much memory comes with more processors: leave room for types of 4 GiB per cpu."""
    plain = RunnerSpec().cpu
    return Span(least=plain.least, most=max(plain.most or 0, ram.least // 4))


def _number(text: str, most: int) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > most:
        raise _Unreadable(f"{_show(text)} is not a whole number from 1 to {most}")
    return int(text)


def _bounds(text: str, most: int) -> tuple[int, int | None]:
    least, plus, upper = text.partition("+")
    span = _number(least, most), _number(upper, most) if plus else None
    if span[1] is not None and span[0] > span[1]:
        raise _Unreadable(f"the minimum {least} is above the maximum {upper}")
    return span


def _cpu(text: str) -> Span:
    least, most = _bounds(text, MOST_CPU)
    return Span(least=least, most=most or 2 * least)


def _ram(text: str) -> Span:
    least, most = _bounds(text, MOST_RAM)
    return Span(least=least, most=most)


def _runner(text: str) -> _Asked:
    match = _RUNNER.fullmatch(text)
    if not match:
        raise _Unreadable(f"{_show(text)} does not fit")
    if match["os"] != "linux":
        raise _Unreadable(f"operating system {_show(match['os'])} is not served, only linux")
    cpu = _cpu(match["cpu"])
    return _Asked(cpu, Span(least=GIB_PER_CPU * cpu.least), _arch(match["arch"]))


def _arch(text: str) -> str:
    return _ARCHES[_one_of(text, _ARCHES)]


def _families(text: str) -> tuple[str, ...]:
    names = text.split("+")
    if not all(_FAMILY.fullmatch(name) for name in names):
        raise _Unreadable(f"{_show(text)} is not a list of instance families")
    return tuple(dict.fromkeys(names))


def _pool(text: str) -> str:
    if not _POOL.fullmatch(text):
        raise _Unreadable(f"{_show(text)} is not a DNS label")
    return text


def _flag(text: str) -> bool:
    return _one_of(text, ("true", "false")) == "true"


def _one_of(text: str, known: Collection[str]) -> str:
    if text in known:
        return text
    close = get_close_matches(text[:SHOWN], known, n=1)
    hint = f", did you mean {close[0]!r}?" if close else ""
    raise _Unreadable(f"{_show(text)} is not {_either(known)}{hint}")


def _either(words: Collection[str]) -> str:
    return " or ".join(words)


def _show(text: str) -> str:
    """Quote for a message: one printable line, however long or strange the label is."""
    return ascii(text if len(text) <= SHOWN else text[:SHOWN] + "...")


_YES_NO = "true or false"
GRAMMAR: Mapping[str, Option] = {
    "runner": Option(
        "cpu, operating system and architecture in one word; 2 GiB of ram per cpu",
        "<N>cpu-linux-<arm64 or amd64>, for example 4cpu-linux-arm64",
        _runner,
    ),
    "cpu": Option("cpus: N to 2N, or MIN to MAX", f"N or MIN+MAX, 1 to {MOST_CPU}", _cpu),
    "ram": Option("GiB of ram: at least N, or MIN to MAX", f"N or MIN+MAX, 1 to {MOST_RAM}", _ram),
    "arch": Option("processor architecture", "arm64 or amd64 (also x64, x86_64, aarch64)", _arch),
    "family": Option("instance families to choose from", "names joined by +: c7g+m7g", _families),
    "gen": Option("instance generation", "1 to 10", lambda text: _number(text, 10)),
    "disk": Option("GiB of disk", "1 to 16384", lambda text: _number(text, 16384)),
    "pool": Option("warm pool to take a runner from", "a DNS label, at most 63 letters", _pool),
    "spot": Option("whether spot machines will do (they do unless false)", _YES_NO, _flag),
    "private": Option("whether the runner is cut off from private networks", _YES_NO, _flag),
    "backend": Option("where to run", "ec2 or k8s", lambda text: _one_of(text, ("ec2", "k8s"))),
    "rerun": Option("whether a job lost to spot is run once more", _YES_NO, _flag),
    "docker": Option("whether the runner's pod has a Docker daemon beside it", _YES_NO, _flag),
}
OPTIONS: Mapping[str, str] = {key: option.meaning for key, option in GRAMMAR.items()}
