"""What a sweep remembers from one run to the next, while the run writes to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from runs_fleet import sweeping
    from runs_fleet.census import EndedRoll, PartName, Place, Roll, SweepRequest, SweepState
    from runs_fleet.hooks import HookState

# Before the first sweep: as far back as GitHub redelivers.
FIRST_LOOK = timedelta(days=3)
# What the search shows lags behind.
LAG = timedelta(minutes=10)
# That of what ends is a second or two; it is read once, so it must not be missed.
OVERLAP = timedelta(minutes=1)


@dataclass
class Memory:
    """A SweepState that can be written to. `pause` is how long to leave alone what works."""

    now: datetime
    pause: timedelta
    before: SweepState

    def __post_init__(self) -> None:
        before = self.before
        self.hooks: dict[str, HookState] = dict(before.hooks)
        self.suspects = {part: dict(found) for part, found in before.suspects.items()}
        self.places: dict[str, Place] = dict(before.places)
        self.listed, self.searched = dict(before.listed), dict(before.searched)
        self.successes = dict(before.successes)
        self.rolled_at = before.rolled_at
        self.archived_to, self.archived = before.archived_to, before.archived

    @classmethod
    def of(cls, request: SweepRequest, before: SweepState, now: datetime) -> "Memory":
        """Begin with what the last run has left, of the hooks that there still are."""
        keys = {hook.key for hook in request.hooks}
        hooks = {key: state for key, state in before.hooks.items() if key in keys}
        kept = before.model_copy(update={"hooks": hooks})
        return cls(now=now, pause=2 * request.min_age, before=kept)

    @property
    def since(self) -> datetime:
        """From when on lifecycles have not been seen yet."""
        return self.rolled_at - LAG if self.rolled_at else self.now - FIRST_LOOK

    def note_roll(self, roll: Roll) -> None:
        """Remember where jobs came from."""
        self.places = sweeping.remembered(self.places, roll.scopes, self.now)
        self.rolled_at = self.now

    @property
    def archived_since(self) -> datetime:
        """From when on what has ended may not be in the archive yet."""
        return self.archived_to or self.now - FIRST_LOOK

    def note_archived(self, ended: EndedRoll) -> None:
        """Go on from here next time, but for what the search may not have shown yet."""
        self.archived_to = min(ended.through, self.now - OVERLAP)
        self.archived = ended.job_ids

    def suspects_of(self, part: PartName) -> sweeping.Suspects:
        """What the last run has found amiss."""
        return self.suspects.get(part, {})

    def suspect(self, part: PartName, found: sweeping.Suspects) -> None:
        """Leave to the next run what was found amiss."""
        self.suspects[part] = found

    def rest(self, part: PartName, keys: Iterable[str], pause: timedelta | None = None) -> None:
        """Leave some alone for a while: what works, or has been told."""
        until = self.now + (pause or self.pause)
        self.suspects[part] = sweeping.rested(self.suspects[part], keys, until)

    def state(self) -> SweepState:
        """What the next run begins with."""
        return SweepState(
            hooks=self.hooks,
            suspects=self.suspects,
            places=self.places,
            listed=self.listed,
            searched=self.searched,
            successes=self.successes,
            rolled_at=self.rolled_at,
            archived_to=self.archived_to,
            archived=self.archived,
        )
