"""Counts what one part of a sweep does, and carries its repairs out a few at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runs_fleet.census import Kept, Part, PartName, Removal
    from workflows.answers import Answer, Handle, answer

AT_A_TIME = 5
MOST_ACTIONS = 25
LONGEST_ERROR = 500
Begin = Callable[[], Handle]


class NoAnswer(Exception):
    """A look failed, so that nothing may be concluded."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind, self.words = kind, words


def taken(found: Answer) -> Any:
    """Return what a look has found, or raise NoAnswer."""
    if found.kind:
        raise NoAnswer(found.kind, f"{found.kind}: {found.words}")
    return found.value


async def looked(handle: Handle) -> Answer:
    """Wait for a look to end."""
    await workflow.wait([handle])
    return answer(handle)


@dataclass(frozen=True)
class Repair:
    """One thing to put right, or several at once; `words` say what, `start` begins it."""

    key: str
    words: str
    start: Begin
    things: int = 1


@dataclass
class Tally:
    """What one part did so far."""

    name: PartName
    dry: bool = False
    looked: int = 0
    repaired: int = 0
    kept: int = 0
    failed: int = 0
    error: str = ""
    skipped: str = ""
    actions: list[str] = field(default_factory=list)

    def fail(self, words: str) -> None:
        """Count a failure; the first one's words are kept."""
        self.failed += 1
        self.error = self.error or words[:LONGEST_ERROR]

    def note(self, missed: NoAnswer) -> None:
        """Take in that a look failed; sparing GitHub's calls is no failure."""
        if missed.kind == "RateLimited":
            self.skipped = missed.words[:LONGEST_ERROR]
        else:
            self.fail(missed.words)

    @property
    def well(self) -> bool:
        """Whether the part did all that it should have."""
        return not self.failed and not self.skipped

    async def repair(self, repairs: Sequence[Repair]) -> dict[str, Answer]:
        """Carry out, or in a dry run only tell; returns each answer by its key."""
        if self.dry:
            self._act(repairs)
            self.repaired += sum(each.things for each in repairs)
            return {}
        answers: dict[str, Answer] = {}
        for start in range(0, len(repairs), AT_A_TIME):
            batch = repairs[start : start + AT_A_TIME]
            self._act(batch)
            handles = {each.key: each.start() for each in batch}
            await workflow.wait(list(handles.values()))
            answers |= {key: answer(handle) for key, handle in handles.items()}
        for each in repairs:
            self._count(each, answers[each.key])
        return answers

    def part(self, last_success: datetime | None) -> Part:
        """Write the result."""
        return Part(
            name=self.name,
            looked=self.looked,
            repaired=self.repaired,
            kept=self.kept,
            failed=self.failed,
            error=self.error,
            skipped=self.skipped,
            actions=tuple(self.actions),
            last_success=last_success,
        )

    def _act(self, repairs: Sequence[Repair]) -> None:
        self.actions += [each.words for each in repairs][: MOST_ACTIONS - len(self.actions)]

    def _count(self, repair: Repair, found: Answer) -> None:
        if found.kind == "RateLimited":
            self.skipped = self.skipped or found.words[:LONGEST_ERROR]
        elif found.kind:
            self.fail(f"{repair.words}: {found.kind}: {found.words}")
        elif isinstance(found.value, Removal) and found.value.busy:
            self.kept += 1
        elif isinstance(found.value, Kept):
            self.repaired += len(found.value.job_ids)
            for job_id, words in found.value.failed.items():
                self.fail(f"keep how job {job_id} went: {words}")
        else:
            self.repaired += 1
