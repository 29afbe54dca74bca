"""A file that is there while this worker serves, for whoever replaces workers one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def clear(path: Path | None) -> None:
    """Remove what an earlier process of this place has left. Raises OSError."""
    if path is not None:
        path.unlink(missing_ok=True)


@contextmanager
def shown(path: Path | None) -> Iterator[None]:
    """Have the file there for as long as this context."""
    if path is not None:
        path.touch()
    try:
        yield
    finally:
        clear(path)
