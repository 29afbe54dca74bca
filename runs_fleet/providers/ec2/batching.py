"""Requests of many threads that become few calls, as AWS counts calls and not what is in them."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from runs_fleet.budget import Budget
from runs_fleet.errors import FleetError, NoCapacity, RateLimited, Unavailable
from runs_fleet.fairness import FairLine, Weight, alike

Q = TypeVar("Q")
A = TypeVar("A")
# What one request was answered, or why it was not.
Answer: TypeAlias = A | FleetError

QUIET, LONGEST = 0.035, 1.0
# Longer than this nobody waits for a call that may be made: the thread is needed.
PATIENCE = 2.0
# Who came in vain comes back when those are done who wait now, but not all at once.
LONGEST_PAUSE, SPREAD = 10.0, 0.5
# How long a call waits for all that take part to be prepared.
PREPARED = 0.5


def always() -> bool:
    """Want it."""
    return True


@dataclass(frozen=True)
class Pace:
    """How long to wait for company: until none came for `quiet` seconds, or for `longest`.

    `patience` bounds the wait for the budget after that.
    """

    quiet: float = QUIET
    longest: float = LONGEST
    patience: float = PATIENCE


@dataclass(eq=False)
class _Entry(Generic[Q, A]):
    """One request in line; `stirred` is set when it goes out, or is to gather the others."""

    query: Q
    kind: Hashable
    wanted: Callable[[], bool]
    dropped: bool = False
    stirred: threading.Event = field(default_factory=threading.Event)
    answer: Future[A] = field(default_factory=Future)
    group: _Group[Q, A] | None = None


@dataclass(eq=False)
class _Group(Generic[Q, A]):
    """Requests that go out together; the first one's thread makes the call."""

    entries: Sequence[_Entry[Q, A]]
    prepared: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    @property
    def queries(self) -> list[Q]:
        return [each.query for each in self.entries]


@dataclass
class _Window:
    """Requests of one kind that still wait for company."""

    opened: float
    latest: float
    host: object


class Gathering(Generic[Q, A]):
    """Makes one call of what arrives together and is of the same kind. Thread safe.

    `call` gets several requests and answers each; what it raises is everybody's. `room` tells how
    many of the first may go together. Who goes first is decided by shares, each by its weight. A
    call that the budget does not allow in a moment raises RateLimited, and nothing was called.
    """

    def __init__(
        self,
        call: Callable[[Sequence[Q]], Sequence[Answer[A]]],
        *,
        room: Callable[[Sequence[Q]], int],
        budget: Budget,
        pace: Pace | None = None,
        weight: Weight = alike,
    ) -> None:
        self._call, self._room, self._budget = call, room, budget
        self._pace = pace or Pace()
        self._turn = threading.Condition()
        self._line = FairLine[_Entry[Q, A]](weight)
        self._windows: dict[Hashable, _Window] = {}

    def ask(
        self,
        query: Q,
        *,
        kind: Hashable = None,
        share: str = "",
        prepare: Callable[[Sequence[Q]], None] | None = None,
        wanted: Callable[[], bool] = always,
    ) -> A:
        """Have a request called with others of its kind, and return its own answer.

        `prepare` is told before the call, in this thread, who goes together. What is not `wanted`
        any more when its turn comes is not called, and NoCapacity is raised.
        """
        entry = _Entry[Q, A](query, kind, wanted)
        self._join(entry, share)
        group = self._grouped(entry)
        try:
            if prepare is not None:
                prepare(group.queries)
        except BaseException:
            # Whatever stops this thread, the others wait for a call that it will not make.
            if group.entries[0] is entry:
                _fail(group, Unavailable("whoever was about to call was stopped"))
            raise
        finally:
            group.prepared.release()
        if group.entries[0] is entry:
            self._make(group)
        return entry.answer.result()

    def _join(self, entry: _Entry[Q, A], share: str) -> None:
        kind, now = entry.kind, time.monotonic()
        with self._turn:
            self._line.join(entry, share)
            window = self._windows.setdefault(kind, _Window(now, now, entry))
            window.latest = now
            if window.host is entry:
                entry.stirred.set()
            elif self._is_full(kind):
                self._turn.notify_all()

    def _grouped(self, entry: _Entry[Q, A]) -> _Group[Q, A]:
        """Wait to go out, and gather the others if it is this one's part to. Raises RateLimited."""
        deadline = time.monotonic() + self._pace.longest + self._pace.patience
        while entry.group is None:
            if not entry.stirred.wait(deadline - time.monotonic()):
                self._leave(entry)
                continue
            if entry.dropped:
                raise NoCapacity("not wanted any more: nothing was called")
            if entry.group is None:
                self._host(entry, deadline)
        return entry.group

    def _host(self, entry: _Entry[Q, A], deadline: float) -> None:
        """Send out one group, once it is time and the budget allows it."""
        with self._turn:
            while entry.group is None and not entry.dropped:
                wait = self._until(entry.kind)
                if wait <= 0:
                    self._send(entry.kind)
                    return
                left = deadline - time.monotonic()
                if left <= 0:
                    self._give_up(entry)
                self._turn.wait(min(wait, left))

    def _until(self, kind: Hashable) -> float:
        """Tell how long this kind has to wait at least; 0 takes a call out of the budget."""
        window, now = self._windows[kind], time.monotonic()
        closes = min(window.latest + self._pace.quiet, window.opened + self._pace.longest)
        if now < closes and not self._is_full(kind):
            return closes - now
        if not self._is_next(kind, now):
            return self._pace.quiet
        return self._budget.take()

    def _is_next(self, kind: Hashable, now: float) -> bool:
        """Whether of all who are due the one whose turn it is is of this kind."""
        for entry in self._line.order():
            window = self._windows[entry.kind]
            closes = min(window.latest + self._pace.quiet, window.opened + self._pace.longest)
            if entry.kind == kind:
                return True
            if now >= closes:
                return False
        return False

    def _of(self, kind: Hashable) -> list[_Entry[Q, A]]:
        return [each for each in self._line.order() if each.kind == kind]

    def _is_full(self, kind: Hashable) -> bool:
        waiting = [each.query for each in self._of(kind)]
        return self._room([*waiting, waiting[-1]]) <= len(waiting)

    def _send(self, kind: Hashable) -> None:
        self._drop_unwanted(kind)
        waiting = self._of(kind)
        chosen = waiting[: self._room([each.query for each in waiting])] if waiting else []
        group = _Group(chosen)
        for each in chosen:
            self._line.serve(each)
            each.group = group
        self._pass_on(kind, waiting[len(chosen) :])
        for each in chosen:
            each.stirred.set()

    def _drop_unwanted(self, kind: Hashable) -> None:
        for entry in self._of(kind):
            if not entry.wanted():
                self._line.leave(entry)
                entry.dropped = True
                entry.stirred.set()

    def _pass_on(self, kind: Hashable, left: Sequence[_Entry[Q, A]]) -> None:
        """Have one of those who are left gather the next group; it need not wait for company."""
        if left:
            window = self._windows[kind]
            heir = next((each for each in left if each is window.host), left[0])
            window.host = heir
            heir.stirred.set()
        else:
            del self._windows[kind]
        self._turn.notify_all()

    def _leave(self, entry: _Entry[Q, A]) -> None:
        with self._turn:
            if entry.group is None:
                self._give_up(entry)

    def _give_up(self, entry: _Entry[Q, A]) -> None:
        self._line.leave(entry)
        if self._windows[entry.kind].host is entry:
            self._pass_on(entry.kind, self._of(entry.kind))
        calls = sum(self._calls_of(kind) for kind in self._windows)
        after = min(calls / self._budget.rate, LONGEST_PAUSE) + random.uniform(0, SPREAD)
        raise RateLimited(
            f"{self._budget.name} wait for their turn: {calls} before it", after=after
        )

    def _calls_of(self, kind: Hashable) -> int:
        waiting = [each.query for each in self._of(kind)]
        return -(-len(waiting) // self._room(waiting))

    def _make(self, group: _Group[Q, A]) -> None:
        """Call for all, and let each hear of it, whatever comes."""
        deadline = time.monotonic() + PREPARED
        for _ in group.entries:
            group.prepared.acquire(timeout=max(deadline - time.monotonic(), 0))
        try:
            answers = self._call(group.queries)
        except BaseException as error:
            # Whatever stops this thread, the others wait for what it would have been answered.
            _fail(group, error)
            raise
        for entry, answer in zip(group.entries, answers, strict=True):
            if isinstance(answer, FleetError):
                entry.answer.set_exception(answer)
            else:
                entry.answer.set_result(answer)


def _fail(group: _Group[Q, A], error: BaseException) -> None:
    shared = error if isinstance(error, Exception) else Unavailable("whoever called was stopped")
    for entry in group.entries:
        entry.answer.set_exception(shared)
