"""One pool and the jobs that came to it, played in simulated time; pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Literal, Protocol

from runs_fleet import labels, names
from runs_fleet.pools import claims, turning
from runs_fleet.pools.arrivals import Arrival
from runs_fleet.pools.clockwork import Clockwork
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.orders import Calls
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave

# A pool is there before its first job, as it is on any other day.
LEAD = timedelta(minutes=30)
HOUR = timedelta(hours=1)
# Only claims are answered at once; other news nobody waits for, and a few at a time are cheaper.
UNHURRIED = timedelta(seconds=10)
NEVER = datetime.max.replace(tzinfo=UTC)

Served = Literal["listening", "hot", "stopped", "cold"]
Metered = Literal["running", "stopped", "cold"]


@dataclass(frozen=True)
class Assumptions:
    """How long things take, and what an hour of a machine costs, in dollars.

    The four tiers are from the moment a job asks until it runs; `boot` until a member stands by.
    """

    listening: timedelta = timedelta(seconds=2)
    hot: timedelta = timedelta(seconds=6)
    stopped: timedelta = timedelta(seconds=20)
    cold: timedelta = timedelta(seconds=60)
    boot: timedelta = timedelta(seconds=45)
    stopping: timedelta = timedelta(seconds=30)
    price: float = 0.17
    cold_price: float = 0.17
    stopped_price: float = 0.007


@dataclass(frozen=True)
class Job:
    """One that came."""

    number: int
    arrival: Arrival


class Site(Protocol):
    """What keeps a pool's machines."""

    def carry_out(self, calls: Calls) -> None:
        """Do what the pool asks for, in a while."""
        ...

    def take(self, job: Job, answer: PoolAnswer) -> None:
        """Have a job that was answered run: on a member, or without one."""
        ...


@dataclass
class Meter:
    """Counts machines, and sums up their hours."""

    counts: Counter[Metered] = field(default_factory=Counter)
    hours: defaultdict[Metered, float] = field(default_factory=lambda: defaultdict(float))
    since: dict[Metered, datetime] = field(default_factory=dict)

    def add(self, kind: Metered, number: int, now: datetime) -> None:
        """Count more or fewer from now on."""
        spent = (now - self.since.get(kind, now)) / HOUR
        self.hours[kind] += self.counts[kind] * spent
        self.counts[kind] += number
        self.since[kind] = now

    def stop(self, now: datetime) -> None:
        """Sum up to now."""
        for kind in list(self.counts):
            self.add(kind, 0, now)


class Replay:
    """Plays the manager of a pool, its jobs and its clock; `site` plays the rest."""

    def __init__(
        self, definition: PoolDefinition, assumptions: Assumptions, begins: datetime
    ) -> None:
        self.definition, self.assumptions = definition, assumptions
        self.clock, self.meter = Clockwork(begins - LEAD), Meter()
        self.state = PoolState.fresh(definition)
        self.state.begin(self.clock.now)
        self.waits: list[tuple[Served, timedelta]] = []
        self.busy = timedelta(0)
        self._jobs: dict[int, Job] = {}
        self._turn_at = NEVER
        listening = definition.listening
        self._label = listening.label if listening else f"{labels.MARKER}/pool={definition.name}"

    def run(self, arrivals: Sequence[Arrival], site: Site) -> None:
        """Play until the last job is over."""
        for number, arrival in enumerate(arrivals, 1):
            job = self._jobs[number] = Job(number, arrival)
            self.clock.at(arrival.queued_at, partial(self.claim, job))
        self._turn(site)
        while self._jobs and self.clock.step():
            if self.clock.stirred:
                self._turn_by(self.clock.now + UNHURRIED)
            if self.clock.now >= self._turn_at:
                self._turn(site)
        self.meter.stop(self.clock.now)

    def claim(self, job: Job, *, waited: bool = False) -> None:
        """Have a job ask its pool."""
        asked = PoolClaim(
            job_id=job.number,
            attempt=1,
            runner=names.runner(job.number, 1),
            repo=job.arrival.repo,
            label=self._label,
            spec=self.definition.spec,
            asked_at=job.arrival.queued_at,
            waited=waited,
        )
        claims.claimed(self.state, asked, self.clock.now)
        self._turn_by(self.clock.now)

    def start(self, job: Job, tier: Served) -> datetime:
        """Have a job run, as soon as its tier allows. Returns when it is over."""
        takes: timedelta = getattr(self.assumptions, tier)
        begins = self.clock.now + takes
        self.waits.append((tier, begins - job.arrival.queued_at))
        if tier != "cold":
            self.busy += job.arrival.duration
        return begins + job.arrival.duration

    def over(self, job: Job, member: str = "") -> None:
        """Have a job be over, and its member gone."""
        left = PoolLeave(job_id=job.number, attempt=1, member=member, gone=bool(member), final=True)
        claims.left(self.state, left, self.clock.now)
        self._jobs.pop(job.number, None)

    def _turn(self, site: Site) -> None:
        turn = turning.turn(self.state, self.clock.now)
        site.carry_out(turn.plan.calls)
        for answer in turn.answers:
            job = self._jobs.get(answer.job_id)
            if job is not None and answer.kind != "booked":
                site.take(job, answer)
        self._turn_at = NEVER
        if turn.plan.wake_at is not None:
            self._turn_by(turn.plan.wake_at)

    def _turn_by(self, moment: datetime) -> None:
        """Plan again at a moment, or before."""
        if moment < self._turn_at:
            self._turn_at = moment
            self.clock.at(moment)
