"""A cluster as a backtest has it: nodes come for pending placeholders, and jobs take them; pure.

One node holds one pod. A job takes the node of a placeholder that runs, which then waits for
another node; without one it waits for a node of its own. The node of a job that is over goes to a
placeholder that waits, or away.
"""

from datetime import timedelta
from functools import partial

from runs_fleet.pools import placeholders
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.replay import Job, Replay
from runs_fleet.pools.wire import PlaceholderFacts, PlaceholderOrder, PoolAnswer

CALL = timedelta(seconds=1)


class Pods:
    """The site of a pool of placeholders."""

    def __init__(self, replay: Replay) -> None:
        self._replay, self._clock = replay, replay.clock
        self._ready, self._pending = 0, 0
        self._void = 0

    def carry_out(self, calls: Calls) -> None:
        """Have as many placeholders as the pool asks for, in a while."""
        if calls.keep is not None:
            self._clock.after(CALL, partial(self._kept, calls.keep))

    def take(self, job: Job, answer: PoolAnswer) -> None:
        """Have a job run in the place of a placeholder, or on a node of its own."""
        warm = self._ready > 0
        if warm:
            self._ready -= 1
            self._await(1)
        else:
            self._replay.meter.add("cold", 1, self._clock.now)
        over = self._replay.start(job, "hot" if warm else "cold")
        self._clock.at(over, partial(self._over, job, warm=warm))

    def _over(self, job: Job, *, warm: bool) -> None:
        now, meter = self._clock.now, self._replay.meter
        self._replay.over(job)
        meter.add("running" if warm else "cold", -1, now)
        if self._pending:
            self._pending -= 1
            self._void += 1
            self._ready += 1
            meter.add("running", 1, now)

    def _kept(self, order: PlaceholderOrder) -> None:
        change = order.replicas - self._ready - self._pending
        if change > 0:
            self._await(change)
        waiting = min(max(-change, 0), self._pending)
        self._pending -= waiting
        self._void += waiting
        running = max(-change, 0) - waiting
        self._ready -= running
        self._replay.meter.add("running", -running, self._clock.now)
        volumes = self._volumes(order)
        facts = PlaceholderFacts(
            ready=self._ready, pending=self._pending, volumes=volumes, made=volumes
        )
        placeholders.kept(self._replay.state, order, facts, self._clock.now)

    def _volumes(self, order: PlaceholderOrder) -> tuple[str, ...]:
        number = order.cache.volumes if order.cache else 0
        return tuple(f"{order.pool}-{each}" for each in range(number))

    def _await(self, number: int) -> None:
        self._pending += number
        for _ in range(number):
            self._clock.after(self._replay.assumptions.boot, self._node)

    def _node(self) -> None:
        if self._void:
            # It was for a placeholder that is not there, or has a node.
            self._void -= 1
            return
        self._pending -= 1
        self._ready += 1
        self._replay.meter.add("running", 1, self._clock.now)
