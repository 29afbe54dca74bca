"""Tables for a terminal, for documents and for scripts."""

import json
from collections.abc import Sequence

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from bench.figures import Aim, Result, shown
from bench.host import Host


class Report(BaseModel):
    """A whole run."""

    host: Host
    seconds: float
    others: dict[str, float] = {}
    results: list[Result]

    @property
    def aims(self) -> list[Aim]:
        """All promises."""
        return [aim for result in self.results for aim in result.aims]


def to_json(report: Report) -> str:
    """Write everything for scripts."""
    return json.dumps(report.model_dump(mode="json"), indent=2)


def print_tables(report: Report, console: Console) -> None:
    """Draw everything for people."""
    console.print("\n".join(host_lines(report)), highlight=False)
    for result in report.results:
        console.print(_table(result.title, result.columns, [_cells(row) for row in result.rows]))
        for note in result.notes:
            console.print(f"  {note}", style="dim", highlight=False)
    console.print(_table("Aims", *_verdicts(report)))


def markdown(report: Report) -> str:
    """Write everything as docs/benchmarks.md has it."""
    parts = ["\n".join(f"- {line}" for line in host_lines(report))]
    for result in report.results:
        table = _pipes(result.columns, [_cells(row) for row in result.rows])
        parts += [f"### {result.title}", *([table] if result.rows else []), *result.notes]
    parts += ["### Aims", _pipes(*_verdicts(report))]
    return "\n\n".join(parts) + "\n"


def host_lines(report: Report) -> list[str]:
    """Describe the machine."""
    host = report.host
    packages = ", ".join(f"{name} {number}" for name, number in host.packages.items())
    others = ", ".join(f"{name} {cores}" for name, cores in report.others.items())
    return [
        f"machine: {host.cpu}, {host.cores} cores, {host.memory_gib} GiB, {host.system}",
        f"before: load average {host.load}, {host.busy_cores} cores busy with other work",
        f"software: Python {host.python}, {packages}",
        f"other work meanwhile, in cores: {others or 'not watched'}",
        f"duration: {report.seconds:.0f} s",
    ]


def _verdicts(report: Report) -> tuple[tuple[str, ...], list[list[str]]]:
    rows = [
        [
            aim.name,
            f"{shown(aim.value)} {aim.unit}".strip(),
            f"{shown(aim.at_most)} {aim.unit}".strip(),
            "met" if aim.met else "MISSED",
        ]
        for aim in report.aims
    ]
    return ("aim", "measured", "at most", ""), rows


def _cells(row: Sequence[str | float]) -> list[str]:
    return [shown(cell) for cell in row]


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    drawn = Table(title=title, title_justify="left", title_style="bold")
    for number, column in enumerate(columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*row, style="red" if "MISSED" in row else "")
    return drawn


def _pipes(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["---:" for _ in columns[1:]]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, rule, *rows])
