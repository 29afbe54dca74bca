"""Tells on stderr what is being measured."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

Say = Callable[[str], None]


@contextmanager
def progress(console: Console) -> Iterator[Say]:
    """Show the present step on a terminal, and one line for each step elsewhere."""
    if not console.is_terminal:
        yield lambda text: console.print(text, highlight=False)
        return
    with console.status("starting") as status:
        yield lambda text: status.update(text)
