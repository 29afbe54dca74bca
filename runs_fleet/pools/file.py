"""`pools.yaml`: read whole, or refused with all that is wrong in it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from runs_fleet.errors import Refused
from runs_fleet.models import RunnerSpec, Scope
from runs_fleet.pools import lines, problems, rules, specs, written
from runs_fleet.pools.definition import EphemeralPolicy, PoolDefinition
from runs_fleet.pools.mistakes import Mistake, Path

SCHEMA = "https://json-schema.org/draft/2020-12/schema"
# Sections of one's own, to be merged into pools by `<<`.
OWN = "x-"
ON_DEMAND = "members on EC2 are bought on demand, for only those can be stopped; leave it out"


@dataclass(frozen=True)
class PoolsFile:
    """What a file wants."""

    pools: tuple[PoolDefinition, ...] = ()
    ephemeral: EphemeralPolicy | None = None


class BadPools(Refused):
    """A file that is wrong; nothing of it holds."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(f"{each.line}:{each.column}: {each}" for each in mistakes))
        self.mistakes = tuple(mistakes)


class _Read(NamedTuple):
    """A section as far as it could be read, and what is wrong with it."""

    mistakes: Sequence[Mistake]
    definition: PoolDefinition | None = None


def read(text: str) -> PoolsFile:
    """Read a file. Raises BadPools with every mistake, in the order of lines."""
    try:
        document = lines.read(text)
    except lines.Unreadable as error:
        raise BadPools([error.mistake]) from error
    value = _without_own(document.value)
    wrong = list(_framed(value))
    pools = _pools(value)
    read = [_pool(each, ("pools", number)) for number, each in enumerate(pools)]
    policy, of_policy = _policy(value)
    found = [*wrong, *of_policy, *(each for one in read for each in one.mistakes)]
    found += [*_names(pools), *_labels(read)]
    placed = [document.mistake(each.path, each.text) for each in found]
    if mistakes := sorted([*document.mistakes, *placed], key=lambda each: (each.line, each.column)):
        raise BadPools(mistakes)
    return PoolsFile(tuple(one.definition for one in read if one.definition), policy)


def schema() -> dict[str, Any]:
    """Describe the file for editors, as JSON schema."""
    made = written.File.model_json_schema()
    made["patternProperties"] = {f"^{OWN}": {}}
    return {"$schema": SCHEMA, **made, "title": "pools.yaml of runs-fleet"}


def schema_text() -> str:
    """Write the schema as it is published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _without_own(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return {} if value is None else value
    return {key: each for key, each in value.items() if not key.startswith(OWN)}


def _framed(value: Any) -> Iterator[Mistake]:
    """Say what is wrong with the file's frame: of the sections only whether they are there."""
    frame = value
    if isinstance(value, Mapping):
        frame = {k: [] if k == "pools" and isinstance(v, list) else v for k, v in value.items()}
        frame.pop("ephemeral", None)
    yield from _wrong(written.File, frame, ())


def _pools(value: Any) -> Sequence[Any]:
    pools = value.get("pools") if isinstance(value, Mapping) else None
    return pools if isinstance(pools, list) else []


def _pool(value: Any, path: Path) -> _Read:
    wrong = list(_wrong(written.Pool, value, path))
    spec = specs.read(value.get("spec", {})) if isinstance(value, Mapping) else []
    if isinstance(spec, list):
        return _Read([*wrong, *_at((*path, "spec"), spec)])
    wrong += _at(path, _spot(value))
    known = problems.known(written.Pool, value)
    try:
        definition = _definition(written.Pool.model_validate(known), spec)
    except ValidationError:
        return _Read(wrong)
    return _Read([*wrong, *_at(path, rules.mistakes(definition))], definition)


def _definition(pool: written.Pool, spec: RunnerSpec) -> PoolDefinition:
    fields = pool.model_dump(exclude_unset=True)
    if section := pool.listening:
        scope = Scope(
            repo=section.repository,
            org=section.organization,
            installation_id=section.installation,
        )
        fields["listening"] = {**fields["listening"], "scope": scope}
    return PoolDefinition.model_validate({**fields, "spec": spec})


def _spot(value: Mapping[str, Any]) -> Iterator[Mistake]:
    spot = str(value.get("spec", {}).get("spot", "")).lower()
    if value.get("mode") == "ec2" and spot == "true":
        yield Mistake(("spec", "spot"), ON_DEMAND)


def _policy(value: Any) -> tuple[EphemeralPolicy | None, list[Mistake]]:
    section = value.get("ephemeral") if isinstance(value, Mapping) else None
    if section is None:
        return None, []
    wrong = list(_wrong(written.Ephemeral, section, ("ephemeral",)))
    if wrong:
        return None, wrong
    read = written.Ephemeral.model_validate(section).model_dump(exclude_unset=True)
    policy = EphemeralPolicy.model_validate(read)
    return policy, _at(("ephemeral",), _template(policy))


def _template(policy: EphemeralPolicy) -> Iterator[Mistake]:
    """Hold the template to the rules of the pools that will be made of it."""
    fields = policy.template.model_dump()
    pool = PoolDefinition(name="ephemeral", mode="ec2", spec=RunnerSpec(), **fields)
    yield from _at(("template",), rules.mistakes(pool))


def _names(pools: Sequence[Any]) -> Iterator[Mistake]:
    seen: dict[tuple[str, str], int] = {}
    for number, value in enumerate(pools):
        if not isinstance(value, Mapping) or "name" not in value:
            continue
        first = seen.setdefault((str(value.get("mode")), str(value["name"])), number)
        if first != number:
            said = f"pools[{first}] has this name and mode as well; rename one of them"
            yield Mistake(("pools", number, "name"), said)


def _labels(read: Sequence[_Read]) -> Iterator[Mistake]:
    seen: dict[tuple[str, str], int] = {}
    for number, one in enumerate(read):
        section = one.definition.listening if one.definition else None
        if section is None:
            continue
        place = (section.scope.org or section.scope.repo).lower(), section.label.lower()
        first = seen.setdefault(place, number)
        if first != number:
            said = f"pools[{first}] listens under this label as well; change one of them"
            yield Mistake(("pools", number, "listening", "label"), said)


def _wrong(model: type[BaseModel], value: Any, path: Path) -> Iterator[Mistake]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        yield from _at(path, problems.told(model, error))


def _at(path: Path, mistakes: Iterator[Mistake] | Sequence[Mistake]) -> list[Mistake]:
    return [Mistake((*path, *each.path), each.text) for each in mistakes]
