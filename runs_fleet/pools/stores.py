"""What all stores of definitions have in common, and one in memory."""

from collections.abc import Iterable, Mapping
from typing import NoReturn

from pydantic import ValidationError

from runs_fleet.errors import Refused
from runs_fleet.pools.definition import PoolDefinition


def written(definition: PoolDefinition) -> str:
    """Write a definition so that people can read it where it is kept."""
    return definition.model_dump_json(exclude_defaults=True, indent=2)


def read(texts: Mapping[str, str], where: str) -> list[PoolDefinition]:
    """Read definitions by the names under which they are kept. Raises Refused, naming each."""
    found, wrong = list[PoolDefinition](), list[str]()
    for name, text in sorted(texts.items()):
        try:
            definition = PoolDefinition.model_validate_json(text)
        except ValidationError as error:
            wrong.append(f"{name!r}: {_problem(error)}")
            continue
        if definition.name == name:
            found.append(definition)
        else:
            wrong.append(f"{name!r}: is of a pool named {definition.name!r}")
    if wrong:
        raise Refused(f"{where} cannot be read: {'; '.join(wrong)}")
    return found


def _problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")


class Sight:
    """What a store has last read, so that nobody overwrites what they have not seen.

    A store that was never read writes whatever is there.
    """

    def __init__(self) -> None:
        self._texts: dict[str, str] | None = None

    def all(self, texts: Mapping[str, str]) -> None:
        """Everything was read."""
        self._texts = dict(texts)

    def one(self, name: str, text: str | None) -> None:
        """One was written, or removed: None."""
        if self._texts is None:
            return
        if text is None:
            self._texts.pop(name, None)
        else:
            self._texts[name] = text

    def expected(self, name: str, text: str) -> tuple[str | None, ...] | None:
        """List what may be there when `text` is written, None for nothing; None for anything."""
        return None if self._texts is None else (self._texts.get(name), text)


def overtaken(name: str, where: str) -> NoReturn:
    """Say that somebody else was quicker. Raises Refused."""
    raise Refused(
        f"pool {name!r} in {where} was changed by somebody else since it was read; read it again"
    )


class MemoryPoolStore:
    """The PoolStore port, in memory."""

    def __init__(self, definitions: Iterable[PoolDefinition] = ()) -> None:
        self.texts = {each.name: written(each) for each in definitions}
        self._sight = Sight()

    def load(self) -> list[PoolDefinition]:
        """Read all definitions."""
        self._sight.all(self.texts)
        return read(self.texts, "memory")

    def put(self, definition: PoolDefinition) -> None:
        """Keep a definition, instead of the one of the same name."""
        name, text = definition.name, written(definition)
        expected = self._sight.expected(name, text)
        if expected is not None and self.texts.get(name) not in expected:
            overtaken(name, "memory")
        self.texts[name] = text
        self._sight.one(name, text)

    def remove(self, name: str) -> None:
        """Forget a definition; already forgotten is a success."""
        self.texts.pop(name, None)
        self._sight.one(name, None)
