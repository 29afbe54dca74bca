"""What one create remembers when it is tried again, wherever that is."""

from collections.abc import Callable
from typing import Protocol


class Diary(Protocol):
    """Keeps one note for whichever create this thread is at."""

    def read(self) -> str | None:
        """Return the last note of an earlier try, "" if it left none, None at the first try."""
        ...

    def write(self, note: str) -> None:
        """Replace the note. It may get lost, but a later one never before an earlier one."""
        ...

    def wanted(self) -> Callable[[], bool]:
        """Return what tells, in any thread, whether anybody still waits for this create."""
        ...


class NoDiary:
    """Every try is the first."""

    def read(self) -> str | None:
        """Remember nothing."""
        return None

    def write(self, note: str) -> None:
        """Forget it."""

    def wanted(self) -> Callable[[], bool]:
        """Go through with everything."""
        return lambda: True
