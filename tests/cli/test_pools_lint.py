"""`runs-fleet pools lint` and `schema`: without Temporal, for editors and CI."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import validator_for
from typer.testing import CliRunner

from runs_fleet.__main__ import app
from runs_fleet.pools import file, lines
from tests.cli.conftest import Ended
from tests.pools.files import GOOD, one

DOCS = Path(__file__).parents[2] / "docs"


def pools(*arguments: str) -> Ended:
    ended = CliRunner().invoke(app, ["pools", *arguments], catch_exceptions=False)
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


def written(where: Path, text: str) -> str:
    path = where / "pools.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_that_is_right_is_told_so(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert pools("lint", path) == (
        0,
        f"{path} is right: default (ec2), pods (k8s); ephemeral pools may come\n",
        "",
    )


def test_every_mistake_has_a_line_as_compilers_write_it(tmp_path: Path) -> None:
    path = written(tmp_path, one("colour: red\nmin: 11\n"))
    ended = pools("lint", path)
    first, second, last = ended.err.splitlines()
    assert (ended.status, ended.out) == (1, "")
    assert first.startswith(f"{path}:6:3: pools[0].colour: unknown key 'colour'; known: ")
    assert second.startswith(f"{path}:7:3: pools[0].min: 11 is more than max 10")
    assert last == f"2 mistakes in {path}; nothing of it holds"


def test_scripts_read_mistakes_as_json(tmp_path: Path) -> None:
    path = written(tmp_path, one("min: 11\n"))
    ended = pools("lint", path, "--json")
    assert (ended.status, json.loads(ended.out)) == (
        1,
        [
            {
                "file": path,
                "line": 6,
                "column": 3,
                "field": "pools[0].min",
                "message": "11 is more than max 10; lower it, or raise max",
            }
        ],
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pools.yaml").write_bytes(b"\xff\xfe\x00")
    assert "1:1: this is no text" in pools("lint", str(tmp_path / "pools.yaml")).err


def test_the_published_schema_is_the_one_that_is_printed() -> None:
    assert pools("schema").out == (DOCS / "pools.schema.json").read_text()


def typed() -> Any:
    """The good file as editors see it: numbers are numbers there."""
    text = json.dumps(lines.read(GOOD).value)
    return json.loads(text, object_hook=lambda read: {**read, **_numbers(read)})


def _numbers(read: dict[str, Any]) -> dict[str, Any]:
    return {k: int(v) for k, v in read.items() if isinstance(v, str) and v.isdecimal()}


def test_the_schema_knows_a_file_that_is_right() -> None:
    assert [str(each) for each in validator_for(file.schema()).iter_errors(typed())] == []


@pytest.mark.parametrize(
    "change",
    [
        {"pools": [{"name": "a", "mode": "ec2", "spec": {}, "max": 1, "hot": 1}]},
        {"pools": [{"name": "A!", "mode": "ec2", "spec": {}, "max": 1}]},
        {"pools": [{"name": "a", "mode": "ec3", "spec": {}, "max": 1}]},
        {"pools": [{"name": "a", "mode": "ec2", "spec": {"cpus": 1}, "max": 1}]},
        {"pools": [{"name": "a", "mode": "ec2", "spec": {}, "max": 1, "idle_timeout": "soon"}]},
        {"pools": [{"name": "a", "mode": "ec2", "spec": {}}]},
        {"pols": []},
    ],
)
def test_the_schema_knows_a_file_that_is_wrong(change: dict[str, Any]) -> None:
    assert not validator_for(file.schema()).is_valid(change)
