"""The `spec` of a pool, written with the keys and values of labels."""

from collections.abc import Iterator, Mapping
from typing import Any

from runs_fleet import labels
from runs_fleet.labels import GRAMMAR, MARKER, Refusal
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.mistakes import Mistake, meant

KEYS = tuple(key for key in GRAMMAR if key not in ("pool", "backend", "rerun"))
ELSEWHERE = {
    "pool": "a pool is its own pool; leave it out",
    "backend": "the pool's mode says where its machines are; leave it out",
    "rerun": "whether a job is run again is the job's to say; leave it out",
}


def read(written: Any) -> RunnerSpec | list[Mistake]:
    """Read a spec; paths of mistakes begin at it."""
    if not isinstance(written, Mapping):
        return [Mistake((), "keys and values of labels are wanted, such as cpu: 4")]
    wrong = [found for key, value in written.items() for found in _wrong(key, value)]
    if wrong:
        return wrong
    parts = [f"{key}={_text(value)}" for key, value in written.items()]
    found = labels.parse(["/".join([MARKER, *parts])])
    assert found is not None, "it is one of ours"
    return [Mistake((), found.message)] if isinstance(found, Refusal) else found.spec


def _wrong(key: str, value: Any) -> Iterator[Mistake]:
    if key not in KEYS:
        said = f"unknown key {key!r}{meant(key, KEYS)}; known: {', '.join(KEYS)}"
        yield Mistake((key,), ELSEWHERE.get(key, said))
        return
    option = GRAMMAR[key]
    try:
        option.read(_text(value).lower())
    except ValueError as error:
        yield Mistake((key,), f"{error}; accepted: {option.accepts}")


def _text(value: Any) -> str:
    """Write a value as a label has it; a list is what labels join by +."""
    if isinstance(value, list):
        return "+".join(_text(each) for each in value)
    # Slashes would begin another part of a label.
    return str(value).strip().replace("/", "?")
