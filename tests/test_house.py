"""The house keeps its own rules: who may import whom, how long things get, what is banned."""

import ast
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OURS: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
SHIPPED = sorted(path for package in OURS for path in (ROOT / package).rglob("*.py"))
EVERY = sorted([*SHIPPED, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])
LONGEST_FUNCTION, LONGEST_FILE = 40, 300


def test_nobody_imports_whom_they_should_not() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    linted = subprocess.run(
        [linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("package", OURS)
def test_no_other_distribution_claims_our_package(package: str) -> None:
    assert set(packages_distributions().get(package, [])) <= {"runs-fleet"}


def test_every_file_says_in_its_docstring_what_it_is() -> None:
    written = [path for path in EVERY if path.read_text()]
    assert [name(path) for path in written if not ast.get_docstring(tree(path))] == []


def test_no_function_and_no_file_is_too_long() -> None:
    long = [f"{name(path)}: {lines(path)} lines" for path in EVERY if lines(path) > LONGEST_FILE]
    long += [
        f"{name(path)}: {function.name}"
        for path in EVERY
        for function in functions(tree(path))
        if length(function) > LONGEST_FUNCTION
    ]
    assert long == []


def test_nothing_is_mocked() -> None:
    assert [name(path) for path in EVERY if imports(tree(path)) & {"unittest.mock", "mock"}] == []


def test_the_environment_is_read_by_main_files_only() -> None:
    readers = [
        name(path)
        for path in SHIPPED
        if "os.environ" in path.read_text()
        and path.name != "__main__.py"
        and "simulator" not in path.parts
    ]
    assert readers == []


Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def functions(module: ast.Module) -> list[Function]:
    return [node for node in ast.walk(module) if isinstance(node, Function)]


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def imports(module: ast.Module) -> set[str]:
    nodes = list(ast.walk(module))
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    sources = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    members = {f"{node.module}.{alias.name}" for node in sources for alias in node.names}
    return plain | members | {str(node.module) for node in sources}
