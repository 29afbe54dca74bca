"""What one lifecycle and its pool have said to each other."""

from dataclasses import dataclass, field
from datetime import datetime

from runs_fleet.pools.wire import PoolAnswer


@dataclass
class Dealings:
    """The claims of one lifecycle.

    `asked` is the attempt that the last claim was for, `known` whether there was a pool to hear
    it, `waited` whether it said that the job has been patient already. `answer` is used up by
    the order that follows it. `strays` are members that came too late, and go back. While the first
    claim is `awaited`, somebody else may have sent it.
    """

    asked: int = 0
    asked_at: datetime | None = None
    waited: bool = False
    awaited: bool = False
    known: bool = False
    ever_known: bool = False
    parted: bool = False
    answer: PoolAnswer | None = None
    settled: bool = False
    booked: PoolAnswer | None = None
    strays: list[PoolAnswer] = field(default_factory=list)
    members: set[str] = field(default_factory=set)
    told: set[int] = field(default_factory=set)

    def expect(self, now: datetime) -> None:
        """Expect an answer to a first claim that who started the lifecycle sends."""
        self.note_asked(1, now, waited=False)
        self.awaited = True

    def note_asked(self, attempt: int, now: datetime, *, waited: bool) -> None:
        """Take in that a claim goes out; its answer may come before it is known to have arrived."""
        self.asked, self.asked_at, self.waited = attempt, now, waited
        self.answer, self.settled, self.known, self.awaited = None, False, True, False

    def note_heard(self, now: datetime, *, known: bool) -> None:
        """Take in whether there was a pool to hear a claim: from then on it may answer."""
        self.known, self.ever_known, self.asked_at = known, self.ever_known or known, now

    def fold(self, answer: PoolAnswer) -> None:
        """Take one answer in; a repeat changes nothing, and what came too late is a stray."""
        if answer.kind == "booked":
            self.booked = answer
        elif answer.kind == "absent":
            self.known, self.awaited = self.known and not self.awaited, False
        elif answer.attempt == self.asked and not self.settled and self._news(answer):
            self.answer, self.ever_known, self.awaited = answer, True, False
        elif answer.kind == "assigned" and lot(answer) not in self.members:
            self.strays.append(answer)
            self.members.add(lot(answer))

    def _news(self, answer: PoolAnswer) -> bool:
        """Whether it answers the last claim: who has waited is not told to wait."""
        return self.answer is None and not (self.waited and answer.kind == "patient")

    def settle(self) -> PoolAnswer | None:
        """Make use of the answer, or of there being none: what comes now comes too late."""
        answer, self.answer, self.settled = self.answer, None, True
        if answer is not None and answer.kind == "assigned":
            self.members.add(lot(answer))
            return answer
        return None


def lot(answer: PoolAnswer) -> str:
    """Name what a claim got: a member, or only a cache."""
    return answer.member or answer.cache
