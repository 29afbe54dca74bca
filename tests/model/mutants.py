"""The model around a product with one mistake in it: each must be found."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

# What takes part in a decision, and what would hold on to the right one of it.
PARTS = frozenset(
    f"runs_fleet.{name}"
    for name in (
        "answers",
        "claiming",
        "deadlines",
        "decisions",
        "judging",
        "lending",
        "loans",
        "ledger",
        "notices",
        "reruns",
        "runner",
        "outdated",
        "story",
        "tidings",
    )
)
USERS = ("tests.model.", "workflows.orders")


class Mistake(NamedTuple):
    """One line of the product, and what it could have been."""

    module: str
    right: str
    wrong: str


@contextmanager
def made(mistake: Mistake) -> Iterator[ModuleType]:
    """Give `tests.model.trials` as it is with this mistake; nobody else gets to see it."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if _concerned(name)}
    for name in kept:
        _forget(name)
    try:
        _plant(mistake)
        yield importlib.import_module("tests.model.trials")
    finally:
        for name in [name for name in sys.modules if _concerned(name)]:
            del sys.modules[name]
            _forget(name)
        for name, module in kept.items():
            _put(name, module)


def _concerned(name: str) -> bool:
    ours = name in PARTS or name.startswith(USERS)
    return ours and name not in ("tests.model.mutants", "tests.model.test_mutants")


def _plant(mistake: Mistake) -> None:
    spec = find_spec(mistake.module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()
    assert source.count(mistake.right) == 1, f"{mistake.module} has changed: {mistake.right!r}"
    module = ModuleType(mistake.module)
    _put(mistake.module, module)
    exec(compile(source.replace(mistake.right, mistake.wrong), spec.origin, "exec"), vars(module))


def _put(name: str, module: ModuleType) -> None:
    sys.modules[name] = module
    package, _, tail = name.rpartition(".")
    setattr(sys.modules[package], tail, module)


def _forget(name: str) -> None:
    package, _, tail = name.rpartition(".")
    vars(sys.modules[package]).pop(tail, None)
