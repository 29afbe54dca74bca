"""What a person sees of the demo: a live table on a terminal, a line now and then elsewhere."""

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runs_fleet import names
from simulator.accounts import Accounts, Orphans
from simulator.watching import Row

EVERY = 5.0
# Around the table: its head, a space, what has been counted, the hint, the line of the cursor.
BESIDE = 6
WIDE = 90
COLOURS = {
    "placing": "yellow",
    "waiting": "yellow",
    "booting": "cyan",
    "running": "blue",
    "completed": "green",
    "cancelled": "magenta",
    "refused": "red",
    "gave_up": "red",
    "timed_out": "red",
    "vanished": "red",
}


class Screen:
    """Shows progress on stderr, so that stdout is left to the result.

    `hint` is what a person may want while the table is all that is left on the terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.hint = ""
        self.console = console or Console(stderr=True)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._said_at = 0.0
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self._live.stop()

    def say(self, text: str, *, whole: bool = False) -> None:
        """Write something that stays; `whole` leaves it fit for copying, however long it is."""
        unwrapped = whole or not self.console.is_terminal
        self.console.print(text, highlight=False, soft_wrap=unwrapped, markup=False)

    def note(self, text: str) -> None:
        """Write what happens at this moment of the burst."""
        self.say(f"{self._clock()}  {text}")

    def show(self, rows: Sequence[Row], *, asked: int) -> None:
        """Show where the jobs stand."""
        line = f"{self._clock()}  {counted(rows, asked)}"
        if self.console.is_terminal:
            room = max(self.console.height - BESIDE, 1)
            drawn = table(rows, room, wide=self.console.width >= WIDE)
            self._live.update(Group(drawn, "", Text(line), Text(self.hint, style="dim")))
        elif time.monotonic() - self._said_at >= EVERY:
            self._said_at = time.monotonic()
            self.say(line)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._begun:5.1f} s"


def counted(rows: Sequence[Row], asked: int) -> str:
    """Count jobs by state, in the order of a job's life."""
    states = Counter(row.state for row in rows)
    order = list(COLOURS)
    known = sorted(states, key=lambda state: order.index(state) if state in order else len(order))
    told = ", ".join(f"{states[state]} {state}" for state in known)
    return f"{asked} jobs: {told or 'on their way'}"


def table(rows: Sequence[Row], room: int, *, wide: bool = True) -> Table:
    """Draw jobs as a table of at most `room` lines, the open ones first; one line each."""
    drawn = Table(box=None, pad_edge=False, expand=False)
    drawn.add_column("job", no_wrap=True)
    drawn.add_column("name", no_wrap=True, overflow="ellipsis", max_width=32 if wide else 22)
    drawn.add_column("state", no_wrap=True)
    drawn.add_column("runner", no_wrap=True, overflow="ellipsis")
    if wide:
        drawn.add_column("machine", no_wrap=True)
    drawn.add_column("time", justify="right", no_wrap=True)
    shown = rows if len(rows) <= room else rows[: max(room - 1, 1)]
    for row in shown:
        drawn.add_row(*_cells(row, wide=wide))
    if len(shown) < len(rows):
        drawn.add_row("...", f"{len(rows) - len(shown)} more", style="dim")
    return drawn


def _cells(row: Row, *, wide: bool) -> list[str | Text]:
    state = Text(row.state, style=COLOURS.get(row.state, ""))
    if row.closed:
        state.append(" ✓", style="dim")
    cells: list[str | Text] = [str(row.job_id), Text(row.name), state, owner(row)]
    return [*cells, *([row.machine] if wide else []), f"{row.seconds:.1f} s"]


def owner(row: Row) -> str:
    """Say whose runner it is: GitHub gives a job to any idle runner whose labels fit."""
    made_for = names.owner(row.runner)
    if made_for is None:
        return row.runner
    job, attempt = made_for
    which = "own" if job == row.job_id else f"of {job}"
    return which if attempt == 1 else f"{which}, attempt {attempt}"


def summary(accounts: Accounts) -> Table:
    """Draw the result."""
    drawn = Table(show_header=False, box=None, pad_edge=False)
    left = accounts.orphaned
    for name, value in (
        ("jobs", f"{accounts.jobs} sent to GitHub"),
        ("completed", f"{accounts.completed}, of which {accounts.reruns} as a re-run on-demand "
                      "after its spot machine was lost"),
        ("cancelled", f"{accounts.cancelled}, before it had a runner" if accounts.cancelled
                      else "0"),
        ("refused", f"{accounts.refused}, for its label" if accounts.refused else "0"),
        ("machines", f"{accounts.machines} made, and all gone" if not left.machines
                     else f"{accounts.machines} made"),
        ("queued to started", f"p50 {accounts.queued_to_started_p50_ms / 1000:.1f} s, "
                              f"p99 {accounts.queued_to_started_p99_ms / 1000:.1f} s "
                              "(machines here boot in about a second)"),
        ("lost", _checked(accounts.lost, "jobs that never ended well")),
        ("duplicates", _checked(accounts.duplicates, "jobs run twice, machines bought twice")),
        ("orphans", _checked(accounts.orphans, f"left: {_kinds(left)}")),
    ):  # fmt: skip
        drawn.add_row(name, value)
    return drawn


def _kinds(left: Orphans) -> str:
    counts = left.model_dump().items()
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts if count)


def _checked(count: int, meaning: str) -> Text:
    return Text("0 ✓", style="green") if not count else Text(f"{count} ✗ {meaning}", style="red")
