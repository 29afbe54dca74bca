"""A world under trouble: the log of what was done to it, and what is to be put right when."""

import heapq
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from simulator.chaos.evidence import Deed, serves
from simulator.chaos.machines import Machine
from simulator.chaos.schedule import Act
from simulator.github.books import JobRecord
from simulator.world import World

# Before this a machine may not show yet.
FRESH = 0.5


class Scene:
    """What all trouble of one world shares. Nothing here waits: `due` is called often."""

    def __init__(self, world: World, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.world, self.clock = world, clock
        self.deeds: list[Deed] = []
        self.over = False
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    @property
    def deed(self) -> Deed:
        """The fault that is being done."""
        return self.deeds[-1]

    def after(self, seconds: float, mend: Callable[[], None]) -> None:
        """Do something later, or when all is to be well, whichever is sooner."""
        heapq.heappush(self._later, (self.clock() + seconds, next(self._order), mend))

    def restart(self, seconds: float, start: Callable[[], Any]) -> None:
        """Start later what has been killed, and note when."""
        deed = self.deed

        def mend() -> None:
            deed.mended_at = datetime.now(UTC)
            start()

        self.after(seconds, mend)

    def due(self) -> None:
        """Put right what has lasted for its time."""
        while self._later and self._later[0][0] <= self.clock():
            heapq.heappop(self._later)[2]()

    def settle(self) -> None:
        """Put everything right at once."""
        while self._later:
            heapq.heappop(self._later)[2]()

    def jobs(self, *statuses: str) -> list[JobRecord]:
        """List GitHub's jobs that are in one of these states."""
        jobs = self.world.github.books(deliveries=False).jobs
        return [job for job in jobs if job.status in statuses]

    def choose(self, act: Act, machines: Iterable[Machine]) -> Machine | None:
        """Choose a machine that works (`during`), that does not (`before`), or just any."""
        found = list(self._candidates(act, machines))
        return found[act.draw % len(found)] if found else None

    def _candidates(self, act: Act, machines: Iterable[Machine]) -> Iterator[Machine]:
        working = [job.runners[-1] for job in self.jobs("in_progress") if job.runners]
        for one in machines:
            if one.ended is not None or time.time() - one.began < FRESH:
                continue
            works = any(serves(one, runner) for runner in working)
            if act.what not in ("before", "during") or works == (act.what == "during"):
                yield one
