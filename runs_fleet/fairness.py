"""Who is next when there is not enough for all at once; pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Generic, TypeVar

T = TypeVar("T")
Weight = Callable[[str], float]


def alike(_share: str) -> float:
    """Weigh all the same."""
    return 1.0


def weights(patterns: Mapping[str, float]) -> Weight:
    """Weigh repositories by the first of `owner/name` or `owner/*` that fits; 1 if none does."""

    def weight(repo: str) -> float:
        found = (
            given
            for pattern, given in patterns.items()
            if fnmatchcase(repo.lower(), pattern.lower())
        )
        return next(found, 1.0)

    return weight


@dataclass(frozen=True)
class _Place(Generic[T]):
    item: T
    share: str
    number: int


class FairLine(Generic[T]):
    """A line in which shares take turns, each as often as its weight says; in a share, first come.

    A share that comes back after a while is treated as if it had just been served, so that nobody
    saves up turns. Of two whose turn it is, the one that waits longer comes first. Not thread safe.
    https://en.wikipedia.org/wiki/Fair_queuing
    """

    def __init__(self, weight: Weight = alike) -> None:
        self._weight = weight
        self._waiting: list[_Place[T]] = []
        self._numbers = 0
        self._now = 0.0
        self._served: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, item: T, share: str) -> None:
        """Stand in line."""
        self._numbers += 1
        self._waiting.append(_Place(item, share, self._numbers))

    def leave(self, item: T) -> None:
        """Stand in line no more, without having had a turn."""
        self._waiting = [each for each in self._waiting if each.item != item]

    def serve(self, item: T) -> None:
        """Have a turn, whoever else was before."""
        found = next(each for each in self._waiting if each.item == item)
        self._waiting.remove(found)
        self._now = max(self._now, self._turn(found.share, 0))
        self._served[found.share] = self._turn(found.share, 1)
        # Who was served no more than the line as a whole is like one who comes for the first time.
        self._served = {share: at for share, at in self._served.items() if at > self._now}

    def order(self) -> list[T]:
        """List all in the order of their turns."""
        before: dict[str, int] = {}
        turns = list[tuple[float, int, T]]()
        for each in self._waiting:
            nth = before.get(each.share, 0)
            before[each.share] = nth + 1
            turns.append((self._turn(each.share, nth), each.number, each.item))
        return [item for *_, item in sorted(turns, key=lambda turn: turn[:2])]

    def _turn(self, share: str, nth: int) -> float:
        begun = max(self._served.get(share, 0.0), self._now)
        return begun + nth / self._weight(share)
