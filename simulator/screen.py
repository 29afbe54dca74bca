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

from simulator.accounts import Accounts
from simulator.watching import Row

ROWS = 24
EVERY = 5.0
COLOURS = {
    "placing": "yellow",
    "waiting": "yellow",
    "booting": "cyan",
    "running": "blue",
    "completed": "green",
    "cancelled": "magenta",
    "refused": "red",
    "gave_up": "red",
}


class Screen:
    """Shows progress on stderr, so that stdout is left to the result."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        self._live = Live(console=self.console, refresh_per_second=4, transient=True)
        self._said_at = 0.0
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
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

    def say(self, text: str) -> None:
        """Write one line that stays."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def show(self, rows: Sequence[Row], *, asked: int) -> None:
        """Show where the jobs stand."""
        line = self._line(rows, asked)
        if self.console.is_terminal:
            self._live.update(Group(table(rows[:ROWS]), Text(line)))
        elif time.monotonic() - self._said_at >= EVERY:
            self._said_at = time.monotonic()
            self.say(line)

    def _line(self, rows: Sequence[Row], asked: int) -> str:
        states = Counter(row.state for row in rows)
        told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return f"{time.monotonic() - self._begun:5.1f} s  {asked} jobs sent: {told or 'none yet'}"


def table(rows: Sequence[Row]) -> Table:
    """Draw jobs as a table."""
    drawn = Table("job", "name", "state", "runner", "machine", box=None, pad_edge=False)
    drawn.add_column("time", justify="right")
    for row in rows:
        state = Text(row.state, style=COLOURS.get(row.state, ""))
        if row.closed:
            state.append(" ✓", style="dim")
        time_taken = f"{row.seconds:.1f} s"
        drawn.add_row(str(row.job_id), row.name, state, row.runner, row.machine, time_taken)
    return drawn


def summary(accounts: Accounts) -> Table:
    """Draw the result."""
    drawn = Table(show_header=False, box=None, pad_edge=False)
    left = accounts.orphaned
    for name, value in (
        ("jobs", f"{accounts.jobs} sent to GitHub, {accounts.machines} machines made"),
        ("completed", f"{accounts.completed} ({accounts.reruns} run again after a spot loss)"),
        ("cancelled, refused", f"{accounts.cancelled}, {accounts.refused}"),
        ("queued to started", f"p50 {accounts.queued_to_started_p50_ms:.0f} ms, "
                              f"p99 {accounts.queued_to_started_p99_ms:.0f} ms"),
        ("lost", str(accounts.lost)),
        ("duplicates", str(accounts.duplicates)),
        ("orphans", f"{accounts.orphans} ({left.machines} machines, {left.registrations} "
                    f"registrations, {left.parameters} SSM parameters)"),
    ):  # fmt: skip
        drawn.add_row(name, Text(value, style="bold"))
    return drawn
