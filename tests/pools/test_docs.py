"""docs/pools.md knows every key of the file, every command, every assumption, and a good file."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cli.pools import app
from runs_fleet.pools import file
from runs_fleet.pools.replay import Assumptions

DOCS = (Path(__file__).parents[2] / "docs" / "pools.md").read_text()
KEYS = re.findall(r"^#### `([a-z_.]+)`$", DOCS, re.MULTILINE)
EXAMPLES = re.findall(r"^```yaml\n(.*?)```", DOCS, re.MULTILINE | re.DOTALL)
SECTIONS = file.schema()["$defs"]
# Is like a pool, but for what is only its own.
TEMPLATE = "Template"
COMMANDS = [
    command.name or command.callback.__name__
    for command in app.registered_commands
    if command.callback
]


def keys(name: str, path: str = "") -> Iterator[str]:
    """All keys from a section on, as the page's headings have them; targets are told of once."""
    known = SECTIONS["Pool"]["properties"] if name == TEMPLATE else {}
    for key, schema in SECTIONS[name]["properties"].items():
        if key not in known:
            yield path + key
            for inner in sections(schema, nested=bool(path)):
                yield from keys(inner, f"{path}{key}.")


def sections(schema: Any, *, nested: bool) -> list[str]:
    """The sections that a key's schema refers to."""
    found = re.findall(r"#/\$defs/(\w+)", str(schema))
    return [each for each in found if not (nested and each == "Targets")]


def test_every_key_has_a_heading_and_no_other_has() -> None:
    wanted = ["pools", *keys("Pool"), "ephemeral", *keys("Ephemeral", "ephemeral.")]
    assert sorted(KEYS) == sorted(wanted)


def test_the_example_is_right() -> None:
    assert [each.name for each in file.read(EXAMPLES[0]).pools] == ["default", "builds"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told_of(command: str) -> None:
    assert re.search(rf"`(runs-fleet pools )?{command}\b", DOCS)


@pytest.mark.parametrize("assumption", [each.name for each in fields(Assumptions)])
def test_every_assumption_is_told_of(assumption: str) -> None:
    assert f"`{assumption}`" in DOCS.split("| assumption |")[1]
