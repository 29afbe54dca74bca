"""What a world's clouds have in common, for whoever settles accounts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class CloudBooks:
    """What one cloud did: machines ever made by their runners' names, and what is left now.

    `left` counts by kind of thing (`machines`, `parameters`, `secrets`, ...).
    """

    made: Counter[str] = field(default_factory=Counter)
    left: Mapping[str, int] = field(default_factory=dict)


class Cloud(Protocol):
    """One provider's world, which has been started."""

    def accounts(self) -> CloudBooks:
        """Read the cloud's own books."""
        ...

    def take_back(self, runner: str) -> str:
        """Take a runner's machine away as the cloud does with spot ones; returns its name or ""."""
        ...
