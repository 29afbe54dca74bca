"""What is sent and what goes wrong, and when: a pure function of a seed."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runs_fleet.models import Mode
from simulator.chaos import pools as warm
from simulator.chaos.kinds import KINDS, LABELS, Kind
from simulator.chaos.kinds_pools import POOL_KINDS
from simulator.github.plans import JobPlan, RunPlan

# Without the run's id in it, so that one job's runner may take another job.
SHARED = "runs-fleet/cpu=2/pool=shared"
REPOS = ("acme/shop", "acme/payments", "octo/website")
SHARE_WAITING = 0.05
WHOLE_MATRIX = 5
# An API server takes some seconds to start, in which nothing can be done to a cluster.
PER_JOB: dict[Mode, float] = {"ec2": 0.4, "k8s": 0.6}
LEAST_WINDOW: dict[Mode, float] = {"ec2": 10.0, "k8s": 30.0}
# Jobs come in the first part of the window, so that what goes wrong later meets them at work.
SENT_BY = 0.7
JOBS_OF_A_THEFT = JOBS_OF_A_LATE_ANSWER = 2
# What jobs ask for in worlds with pools is mostly theirs; pools need time to get warm.
SHARE_OF_POOLS = 0.6
POOLS_PER_JOB, LEAST_WINDOW_OF_POOLS = 2.4, 40.0
# How many seconds of a window have room for one fault more.
ROOM, ROOM_OF_POOLS = 2, 4


@dataclass(frozen=True)
class Act:
    """One fault at one time, in seconds; `draw` chooses among what is there by then."""

    at: float
    kind: str
    what: str = ""
    seconds: float = 0.0
    draw: int = 0


@dataclass(frozen=True)
class Send:
    """One run that is created at one time."""

    at: float
    run: RunPlan


@dataclass(frozen=True)
class Schedule:
    """All that is done to one world; `window` is when it ends, in seconds.

    A world with `pools` keeps warm ones.
    """

    seed: int
    jobs: int
    mode: Mode
    window: float
    sends: tuple[Send, ...]
    acts: tuple[Act, ...]
    pools: bool = False


def plan(seed: int, jobs: int, mode: Mode = "ec2", *, pools: bool = False) -> Schedule:
    """Plan one world: each kind of fault once, and as many again as the window has room for."""
    rng = random.Random(seed)
    window = _window(jobs, mode, pools=pools)
    kinds, more = kinds_of(mode, pools=pools), window / (ROOM_OF_POOLS if pools else ROOM)
    drawn = [*kinds, *rng.choices(kinds, [kind.weight for kind in kinds], k=round(more))]
    acts = sorted(_acts(rng, drawn, window), key=lambda act: act.at)
    left = max(jobs - sum(_jobs_of(act) for act in acts), 1)
    sends = tuple(
        Send(at, _run(rng, mode, count, pools=pools)) for at, count in _batches(rng, left, window)
    )
    return Schedule(seed, jobs, mode, window, sends, tuple(acts), pools)


def kinds_of(mode: Mode, *, pools: bool = False) -> tuple[Kind, ...]:
    """List the kinds of faults of a world."""
    return (*KINDS[mode], *(POOL_KINDS[mode] if pools else ()))


def _window(jobs: int, mode: Mode, *, pools: bool) -> float:
    if pools:
        return max(LEAST_WINDOW_OF_POOLS, jobs * POOLS_PER_JOB)
    return max(LEAST_WINDOW[mode], jobs * PER_JOB[mode])


def _jobs_of(act: Act) -> int:
    """Count the jobs that a fault brings along."""
    return {"theft": JOBS_OF_A_THEFT, "answer_late": JOBS_OF_A_LATE_ANSWER}.get(act.kind, 0)


def _acts(rng: random.Random, kinds: Iterable[Kind], window: float) -> Iterator[Act]:
    for kind in kinds:
        yield Act(
            at=round(window * rng.uniform(*kind.part), 2),
            kind=kind.name,
            what=rng.choice(kind.whats),
            seconds=round(rng.uniform(*kind.seconds), 2),
            draw=rng.randrange(1_000_000),
        )


def _batches(rng: random.Random, jobs: int, window: float) -> Iterator[tuple[float, int]]:
    """Draw when runs are created, and how many jobs each has."""
    left = jobs
    while left:
        count = min(rng.choice((1, 1, 2, 4, WHOLE_MATRIX)), left)
        left -= count
        at = round(SENT_BY * window * (1 - (left + count) / jobs) * rng.uniform(0.7, 1), 2)
        yield at, count


def _pooled(rng: random.Random, mode: Mode) -> str:
    """Draw a pool's label, mostly."""
    return rng.choice(warm.LABELS[mode]) if rng.random() < SHARE_OF_POOLS else ""


def _run(rng: random.Random, mode: Mode, count: int, *, pools: bool) -> RunPlan:
    repo, label = rng.choice(REPOS), rng.choice((*LABELS[mode], SHARED))
    kind = "waiting" if rng.random() < SHARE_WAITING else "job"
    jobs = tuple(
        JobPlan(
            name=f"test ({shard}/{count})",
            labels=(_pooled(rng, mode) or label if pools else label,),
            seconds=round(rng.uniform(0.5, 5), 2),
            kind=kind,
        )
        for shard in range(1, count + 1)
    )
    return RunPlan(repo=repo, org=repo.startswith("acme/"), jobs=jobs)
