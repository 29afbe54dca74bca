"""Which jobs have events in the spool, or had a while ago."""

import time
from collections import OrderedDict
from collections.abc import Callable

LIFE = 600.0
MOST = 10_000


class SpooledLately:
    """Jobs whose events went to the spool within the last `life` seconds; bounded.

    What is forgotten too early costs order, not events: a lifecycle folds what it is told, and
    asks GitHub when it begins late.
    """

    def __init__(
        self,
        *,
        life: float = LIFE,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life, self._most, self._clock = life, most, clock
        self._until: OrderedDict[int, float] = OrderedDict()

    def note(self, job_id: int) -> None:
        """Remember a job from now on."""
        self._until[job_id] = self._clock() + self._life
        self._until.move_to_end(job_id)
        while len(self._until) > self._most:
            self._until.popitem(last=False)

    def __contains__(self, job_id: int) -> bool:
        self._expire()
        return job_id in self._until

    def __len__(self) -> int:
        self._expire()
        return len(self._until)

    def _expire(self) -> None:
        now = self._clock()
        while self._until and next(iter(self._until.values())) <= now:
            self._until.popitem(last=False)
