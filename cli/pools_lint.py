"""`runs-fleet pools lint`: all that is wrong in a file, each with its place and its remedy."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from cli import pages
from runs_fleet.pools import file
from runs_fleet.pools.file import BadPools, PoolsFile
from runs_fleet.pools.mistakes import Mistake

WRONG = 1


def lint(path: Path, *, as_json: bool) -> int:
    """Look at a file; returns the exit status."""
    mistakes: Sequence[Mistake] = ()
    read = PoolsFile()
    try:
        read = load(path)
    except BadPools as error:
        mistakes = error.mistakes
    if as_json:
        print(json.dumps([_as_dict(path, each) for each in mistakes]))  # noqa: T201 - for scripts: rich would wrap it
    elif mistakes:
        complain(path, mistakes)
    else:
        _praise(path, read)
    return WRONG if mistakes else 0


def load(path: Path) -> PoolsFile:
    """Read a file. Raises BadPools."""
    try:
        return file.read(path.read_text())
    except UnicodeDecodeError as error:
        raise BadPools([Mistake((), f"this is no text: {error}", 1, 1)]) from error


def complain(path: Path, mistakes: Sequence[Mistake]) -> None:
    """Say on stderr what is wrong, a line for each, as compilers do."""
    for each in mistakes:
        sys.stderr.write(f"{path}:{each.line}:{each.column}: {each}\n")
    many = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
    sys.stderr.write(f"{many} in {path}; nothing of it holds\n")


def _as_dict(path: Path, mistake: Mistake) -> dict[str, object]:
    return {
        "file": str(path),
        "line": mistake.line,
        "column": mistake.column,
        "field": mistake.field,
        "message": mistake.text,
    }


def _praise(path: Path, read: PoolsFile) -> None:
    names = ", ".join(f"{each.name} ({each.mode})" for each in read.pools) or "no pools"
    policy = "; ephemeral pools may come" if read.ephemeral else ""
    pages.console().print(f"{path} is right: {names}{policy}", markup=False, soft_wrap=True)
