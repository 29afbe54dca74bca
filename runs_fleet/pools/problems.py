"""What pydantic found wrong in a written section, in the words of whoever wrote it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from runs_fleet.pools.mistakes import Mistake, Path, meant

UNKNOWN = "extra_forbidden"
MISSING = "missing"
Say = Callable[[ErrorDetails], str]


def told(model: type[BaseModel], error: ValidationError) -> Iterator[Mistake]:
    """Say each problem of a section; paths begin at it."""
    for each in error.errors(include_url=False):
        path = tuple(step for step in each["loc"] if step != "[key]")
        if each["type"] == UNKNOWN:
            yield Mistake(path, _unknown(model, path))
        elif each["type"] == MISSING:
            said = f"{path[-1]} is missing: {_field(model, path)}"
            yield Mistake(path, said)
        else:
            yield Mistake(path, _said(each))


def known(model: type[BaseModel], value: Any) -> Any:
    """Leave out the keys that a section does not know, so that the rest can be looked at."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            if each["type"] == UNKNOWN:
                value = _without(value, each["loc"])
    return value


def _without(value: Any, path: Path) -> Any:
    step, *rest = path
    if isinstance(value, Mapping):
        if not rest:
            return {key: each for key, each in value.items() if key != step}
        return {**value, step: _without(value[step], tuple(rest))}
    items = list(value)
    items[int(step)] = _without(items[int(step)], tuple(rest))
    return items


def _unknown(model: type[BaseModel], path: Path) -> str:
    word, keys = str(path[-1]), list(_section(model, path[:-1]).model_fields)
    return f"unknown key {word!r}{meant(word, keys)}; known: {', '.join(keys)}"


def _field(model: type[BaseModel], path: Path) -> str:
    return _section(model, path[:-1]).model_fields[str(path[-1])].description or ""


def _section(model: type[BaseModel], path: Path) -> type[BaseModel]:
    for step in path:
        if isinstance(step, str):
            model = next(_models(model.model_fields[step].annotation))
    return model


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Find the section that a field is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _said(error: ErrorDetails) -> str:
    say = WORDS.get(error["type"])
    return say(error) if say else f"{_shown(error)}: {error['msg'].lower()}"


def _shown(error: ErrorDetails) -> str:
    written = error["input"]
    kinds = ((Mapping, "a section"), (list, "a list"))
    return next((word for kind, word in kinds if isinstance(written, kind)), f"{written!r}")


def _context(error: ErrorDetails, key: str) -> Any:
    return error.get("ctx", {})[key]


def _one_of(error: ErrorDetails) -> str:
    expected = _context(error, "expected").replace("'", "")
    words = expected.replace(" or ", ", ").split(", ")
    return f"{_shown(error)} is not {expected}{meant(str(error['input']), words)}"


def _pattern(error: ErrorDetails) -> str:
    if "/" in _context(error, "pattern"):
        return f"{_shown(error)} is no repository; one looks like octo/hello or octo/*"
    return f"{_shown(error)} is no name: small letters, digits and - between them, at most 30"


WORDS: Mapping[str, Say] = {
    "value_error": lambda error: str(_context(error, "error")),
    "literal_error": _one_of,
    "string_pattern_mismatch": _pattern,
    "string_type": lambda error: f"{_shown(error)} is no text",
    "int_parsing": lambda error: f"{_shown(error)} is no whole number",
    "int_type": lambda error: f"{_shown(error)} is no whole number",
    "int_parsing_size": lambda error: f"{_shown(error)} is no number that anybody means",
    "greater_than_equal": lambda error: (
        f"{_shown(error)} is below {_context(error, 'ge')}, the least"
    ),
    "too_short": lambda error: f"at least {_context(error, 'min_length')} is wanted",
    "tuple_type": lambda error: f"{_shown(error)} is no list; write it as [a, b]",
    "list_type": lambda error: f"{_shown(error)} is no list; write it as [a, b]",
    "dict_type": lambda error: f"{_shown(error)} is no section of keys and values",
    "model_type": lambda error: f"{_shown(error)} is no section of keys and values",
}
