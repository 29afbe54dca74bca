"""What pools would have done with jobs that came: how long they waited, and what that cost; pure.

A pool is planned by the very code that plans it for real. The world around it is as simple as can
be: machines boot in the time that is assumed, nothing fails or is sold out, GitHub hands jobs over
at once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from runs_fleet.models import Wire
from runs_fleet.pools.arrivals import Arrival
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.replay import HOUR, Assumptions, Meter, Replay, Served
from runs_fleet.pools.replay_machines import Machines
from runs_fleet.pools.replay_pods import Pods

TIERS: tuple[Served, ...] = ("listening", "hot", "stopped", "cold")
WITHOUT, ALL = "(none)", "(all)"


class Outcome(Wire):
    """How the jobs of a pool were served; waits are seconds from queued to running.

    `warm_hours` are of members that ran, `busy_hours` those of them that served jobs,
    `cold_hours` of machines that were made for one job; `cost` is dollars.
    """

    pool: str
    mode: str = ""
    jobs: int
    p50: float
    p95: float
    worst: float
    served: dict[Served, int]
    warm_hours: float
    busy_hours: float
    stopped_hours: float
    cold_hours: float
    cost: float


@dataclass(frozen=True)
class Played:
    """One pool's part of a backtest."""

    pool: str
    mode: str
    waits: Sequence[tuple[Served, timedelta]]
    meter: Meter
    busy: timedelta


def backtest(
    pools: Iterable[PoolDefinition], arrivals: Sequence[Arrival], assumptions: Assumptions
) -> list[Outcome]:
    """Replay arrivals against pools; the last outcome is of all jobs together.

    A job that names none of the pools goes cold. Where two modes have a pool of one name, the
    jobs are played against each.
    """
    pools = list(pools)
    played = [replayed(each, _of(arrivals, each.name), assumptions) for each in pools]
    names = {each.name for each in pools}
    if rest := [each for each in arrivals if each.pool not in names]:
        played.append(_unpooled(rest, assumptions))
    told = [_outcome([each], each.pool, each.mode, assumptions) for each in played]
    return [*told, _outcome(played, ALL, "", assumptions)]


def replayed(
    definition: PoolDefinition, arrivals: Sequence[Arrival], assumptions: Assumptions
) -> Played:
    """Play one pool from half an hour before its first job until its last is over."""
    if not arrivals:
        return Played(definition.name, definition.mode, (), Meter(), timedelta(0))
    replay = Replay(definition, assumptions, arrivals[0].queued_at)
    replay.run(arrivals, Pods(replay) if definition.mode == "k8s" else Machines(replay))
    return Played(definition.name, definition.mode, replay.waits, replay.meter, replay.busy)


def _of(arrivals: Sequence[Arrival], pool: str) -> list[Arrival]:
    return [each for each in arrivals if each.pool == pool]


def _unpooled(arrivals: Sequence[Arrival], assumptions: Assumptions) -> Played:
    meter = Meter()
    spent = sum((each.duration + assumptions.cold for each in arrivals), timedelta(0))
    meter.hours["cold"] = spent / HOUR
    waits: list[tuple[Served, timedelta]] = [("cold", assumptions.cold) for _ in arrivals]
    return Played(WITHOUT, "", waits, meter, timedelta(0))


def _outcome(played: Sequence[Played], pool: str, mode: str, assumptions: Assumptions) -> Outcome:
    waits = sorted(wait.total_seconds() for each in played for _, wait in each.waits)
    tiers = Counter(tier for each in played for tier, _ in each.waits)
    warm, stopped, cold = (
        sum(each.meter.hours[kind] for each in played) for kind in ("running", "stopped", "cold")
    )
    prices = assumptions
    return Outcome(
        pool=pool,
        mode=mode,
        jobs=len(waits),
        p50=_percentile(waits, 0.5),
        p95=_percentile(waits, 0.95),
        worst=_percentile(waits, 1),
        served={tier: tiers[tier] for tier in TIERS if tiers[tier]},
        warm_hours=warm,
        busy_hours=sum(each.busy / HOUR for each in played),
        stopped_hours=stopped,
        cold_hours=cold,
        cost=warm * prices.price + stopped * prices.stopped_price + cold * prices.cold_price,
    )


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[ceil(share * len(ordered)) - 1] if ordered else 0.0
