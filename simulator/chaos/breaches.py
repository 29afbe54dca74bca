"""Promises that were not kept."""

from dataclasses import dataclass
from typing import Literal

Breach = Literal[
    "lost", "duplicated", "orphaned", "busy_killed", "unexplained", "contract", "pool"
]  # fmt: skip


@dataclass(frozen=True)
class Broken:
    """One promise that was not kept, and the job that tells the story, if one does."""

    breach: Breach
    words: str
    job_id: int | None = None
