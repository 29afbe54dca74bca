"""Waiting for a condition instead of sleeping."""

import time
from collections.abc import Callable

PATIENCE = 40.0


def until(condition: Callable[[], object], *, within: float = PATIENCE) -> None:
    """Look often, fail when it never comes true."""
    deadline = time.monotonic() + within
    look = time.monotonic
    pause = min(0.01, within)
    while not condition():
        assert look() < deadline, f"not within {within} s"
        time.sleep(pause)
