"""YAML as plain text, lists and mappings, that knows of everything where it was written.

Nothing is guessed: a number, a time of day and a word are all text, for YAML reads `18:00` as a
number. Anchors, aliases and `<<` do what they do in YAML.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from runs_fleet.pools.mistakes import Mistake, Path

NOTHING = ("", "~", "null", "Null", "NULL")
MERGE = "<<"
# A file in which aliases multiply is a bomb, or nothing that people could read.
MOST_NODES = 100_000


class Unreadable(ValueError):
    """This is no YAML, or none that can be read."""

    def __init__(self, mistake: Mistake) -> None:
        super().__init__(mistake.text)
        self.mistake = mistake


@dataclass
class Document:
    """What a file holds, its places, and what was wrong already: keys written twice."""

    value: Any
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, path: Sequence[str | int], text: str) -> Mistake:
        """Say something of a path, at the place of the deepest part of it that was written."""
        known = next((p for p in _upwards(tuple(path)) if p in self.places), ())
        line, column = self.places.get(known, (1, 1))
        return Mistake(tuple(path), text, line, column)


def read(text: str) -> Document:
    """Read one document. Raises Unreadable."""
    try:
        node = yaml.compose(text, yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_broken(error)) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(Mistake((), f"this is no YAML: {error}", 1, 1)) from error
    document = Document(None)
    if node is not None:
        document.places[()] = _place(node)
        document.value = _Reader(document).value(node, ())
    return document


def _upwards(path: Path) -> Iterator[Path]:
    return (path[:length] for length in range(len(path), -1, -1))


def _broken(error: yaml.MarkedYAMLError) -> Mistake:
    mark = error.problem_mark or error.context_mark
    said = " ".join(part for part in (error.context, error.problem) if part)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Mistake((), f"this is no YAML: {said}", line, column)


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Reader:
    """Turns nodes into values and notes where they are."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._within: list[Node] = []
        self._read = 0

    def value(self, node: Node, path: Path) -> Any:
        self._read += 1
        if node in self._within:
            raise Unreadable(Mistake(path, "an alias stands for what holds it", *_place(node)))
        if self._read > MOST_NODES:
            raise Unreadable(Mistake(path, f"there are more than {MOST_NODES} values", 1, 1))
        self._within.append(node)
        read = self._parts(node, path)
        self._within.pop()
        return read

    def _parts(self, node: Node, path: Path) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return self._sequence(node, path)
        assert isinstance(node, ScalarNode)
        plain = node.style is None
        return None if plain and node.value in NOTHING else node.value

    def _sequence(self, node: SequenceNode, path: Path) -> list[Any]:
        for number, item in enumerate(node.value):
            self._document.places[*path, number] = _place(item)
        return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        # What is merged in comes first, so that what stands beside it has its own place.
        for key_node, item in sorted(node.value, key=lambda pair: pair[0].value != MERGE):
            key = self._key(key_node, path)
            if key == MERGE:
                merged = {**self._merged(item, path), **merged}
                continue
            if key in own:
                self._twice(key, key_node, path)
            self._document.places[*path, key] = _place(key_node)
            own[key] = self.value(item, (*path, key))
        return {key: value for key, value in {**merged, **own}.items() if value is not None}

    def _key(self, node: Node, path: Path) -> str:
        if not isinstance(node, ScalarNode):
            raise Unreadable(Mistake(path, "a key is one word", *_place(node)))
        return str(node.value)

    def _merged(self, node: Node, path: Path) -> Mapping[str, Any]:
        value = self.value(node, path)
        if isinstance(value, Mapping):
            return value
        if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
            return {key: each[key] for each in reversed(value) for key in each}
        raise Unreadable(Mistake((*path, MERGE), "only mappings can be merged in", *_place(node)))

    def _twice(self, key: str, node: Node, path: Path) -> None:
        line, _ = self._document.places[*path, key]
        said = f"{key!r} is written twice, first in line {line}; keep one of them"
        self._document.mistakes.append(Mistake((*path, key), said, *_place(node)))
