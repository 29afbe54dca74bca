"""A queue in memory, with levers to trouble it."""

import threading
from collections.abc import Sequence

from runs_fleet.errors import FleetError
from runs_fleet.ports import Letter


class MemoryOutbox:
    """Keeps what is sent, but for the keys in `refused`; `error` fails, a shut `gate` holds."""

    def __init__(self) -> None:
        self.batches: list[list[Letter]] = []
        self.error: FleetError | None = None
        self.refused: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    @property
    def letters(self) -> list[Letter]:
        """All that was taken, in order."""
        return [letter for batch in self.batches for letter in batch]

    def send_batch(self, letters: Sequence[Letter]) -> list[Letter]:
        assert self.gate.wait(20), "the test never opened the gate"
        if self.error is not None:
            raise self.error
        self.batches.append([letter for letter in letters if letter.key not in self.refused])
        return [letter for letter in letters if letter.key in self.refused]
