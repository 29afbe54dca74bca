"""What is wrong in a definition of a pool, and where."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mistake:
    """What is wrong and what to do about it; `path` leads to it, and in a file line and column.

    Lines and columns count from 1; 0 where there is no file.
    """

    path: Path
    text: str
    line: int = 0
    column: int = 0

    @property
    def field(self) -> str:
        """Write the path as people do."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(steps).removeprefix(".")

    def __str__(self) -> str:
        return f"{self.field}: {self.text}" if self.path else self.text


def meant(word: str, known: Collection[str]) -> str:
    """Ask whether a word that is close was meant, or say nothing."""
    close = get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
