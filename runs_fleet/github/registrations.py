"""How many runners may be registered in a minute, and whose turn it is."""

import random
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock

from runs_fleet.errors import RateLimited
from runs_fleet.fairness import FairLine, Weight, alike

# A write costs five points, and an endpoint has 900 of them a minute for each installation:
# https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits
MOST = 180
MINUTE = 60.0
LEAST_SHARE, CUT, REGAIN = 0.05, 0.5, 0.005
# Who does not come back so long after its turn will not come back at all.
MISSED = 30.0
# Not all at once, and not a moment too early.
SPREAD = 0.5


def unseen(_waiting: int) -> None:
    """Show nobody."""


@dataclass
class _Counter:
    """One installation's: who has passed within a minute, and who waits, until when."""

    most: float
    line: FairLine[str]
    passed: deque[float] = field(default_factory=deque)
    expected: dict[str, float] = field(default_factory=dict)
    cut_at: float = float("-inf")
    closed_until: float = float("-inf")


class Registrations:
    """Lets registrations pass, `most` a minute of each payer; never sleeps. Thread safe.

    Who comes too early is told how many are before it, and keeps its place in line until it comes
    back. Repositories take turns. Several workers share an installation, so that GitHub's own
    refusal counts more than what was counted here: it halves what passes.
    """

    def __init__(
        self,
        most: int = MOST,
        *,
        weight: Weight = alike,
        clock: Callable[[], float] = time.time,
        shown: Callable[[int], None] = unseen,
    ) -> None:
        self._most, self._weight = most, weight
        self._clock, self._shown = clock, shown
        self._lock = Lock()
        self._counters: dict[Hashable, _Counter] = {}

    def enter(self, payer: Hashable, runner: str, share: str) -> None:
        """Pass, or raise RateLimited with the time until it may be this one's turn."""
        with self._lock:
            counter, now = self._of(payer), self._clock()
            _forget(counter, now)
            if runner not in counter.expected:
                counter.line.join(runner, share)
                counter.expected[runner] = now
            before = counter.line.order().index(runner)
            free = int(counter.most) - len(counter.passed)
            if before < free and now >= counter.closed_until:
                self._pass(counter, runner, now)
                after = 0.0
            else:
                after = _until(counter, before - free, now) + random.uniform(0, SPREAD)
                counter.expected[runner] = now + after
            waiting = sum(len(each.line) for each in self._counters.values())
        self._shown(waiting)
        if after > 0:
            raise RateLimited(
                f"waits for GitHub's limit of registrations, {before} before it", after=after
            )

    def refused(self, payer: Hashable, after: float) -> None:
        """Take in that GitHub has had enough: nobody passes for so long, and then fewer."""
        with self._lock:
            counter, now = self._of(payer), self._clock()
            counter.closed_until = max(counter.closed_until, now + after)
            if now >= counter.cut_at + MINUTE:
                counter.cut_at = now
                counter.most = max(counter.most * CUT, self._most * LEAST_SHARE, 1)

    def _pass(self, counter: _Counter, runner: str, now: float) -> None:
        counter.line.serve(runner)
        del counter.expected[runner]
        counter.passed.append(now)
        counter.most = min(counter.most + self._most * REGAIN, self._most)

    def _of(self, payer: Hashable) -> _Counter:
        if payer not in self._counters:
            self._counters[payer] = _Counter(self._most, FairLine[str](self._weight))
        return self._counters[payer]


def _forget(counter: _Counter, now: float) -> None:
    """Forget who passed over a minute ago, and who has missed its turn."""
    while counter.passed and counter.passed[0] <= now - MINUTE:
        counter.passed.popleft()
    for runner, at in list(counter.expected.items()):
        if at + MISSED < now:
            counter.line.leave(runner)
            del counter.expected[runner]


def _until(counter: _Counter, place: int, now: float) -> float:
    """Tell when so many more will have passed: whole minutes, and the rest as those before did."""
    opens = max(counter.closed_until - now, 0.0)
    if place < 0:
        return opens
    rounds, rest = divmod(place, max(int(counter.most), 1))
    # What was cut leaves more in the minute than may pass now.
    earlier = max(len(counter.passed) - int(counter.most), 0) + rest
    at = counter.passed[earlier] if earlier < len(counter.passed) else now
    return max(at + MINUTE - now, opens) + rounds * MINUTE
