"""What is different between two definitions, field by field, as people would write it; pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import time, timedelta
from typing import Any, NamedTuple

from runs_fleet import labels
from runs_fleet.models import RunnerSpec
from runs_fleet.pools import durations
from runs_fleet.pools.definition import PoolDefinition

NOTHING = ""


class Difference(NamedTuple):
    """One field as it is and as it is to be; "" where it is not there."""

    field: str
    before: str
    after: str


def between(before: PoolDefinition | None, after: PoolDefinition) -> tuple[Difference, ...]:
    """List what changes, in the order of the definition; of a new pool what is not default."""
    old, new = fields(before), fields(after)
    if before is None:
        plain = fields(PoolDefinition(name=after.name, mode=after.mode, spec=after.spec, max=0))
        for key in ("name", "mode", "spec"):
            plain.pop(key)
        old = {}
        new = {key: value for key, value in new.items() if plain.get(key) != value}
    keys = dict.fromkeys([*new, *old])
    pairs = (Difference(key, old.get(key, NOTHING), new.get(key, NOTHING)) for key in keys)
    return tuple(each for each in pairs if each.before != each.after)


def fields(definition: PoolDefinition | None) -> dict[str, str]:
    """Write each field of a definition, by its path."""
    if definition is None:
        return {}
    dumped = definition.model_dump()
    return dict(_leaves({**dumped, "spec": definition.spec}, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, tuple | list) and any(isinstance(each, Mapping) for each in value):
        for number, each in enumerate(value):
            yield from _leaves(each, f"{path}[{number}]")
    elif value not in (None, ()):
        yield path, _written(value)


def _written(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(_written(each) for each in value)
    return next(
        (write(value) for kind, write in WRITERS.items() if isinstance(value, kind)), f"{value}"
    )


WRITERS: Mapping[type, Callable[[Any], str]] = {
    RunnerSpec: labels.render,
    timedelta: durations.write,
    time: lambda clock: f"{clock:%H:%M}",
    bool: lambda flag: str(flag).lower(),
}
