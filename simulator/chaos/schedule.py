"""What is sent and what goes wrong, and when: a pure function of a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.github.plans import JobPlan, RunPlan

RUN = "runs-fleet=${{ github.run_id }}"
LABELS = (
    f"{RUN}/cpu=2",
    f"{RUN}/cpu=2",
    f"{RUN}/runner=4cpu-linux-arm64",
    f"{RUN}/cpu=4+16/ram=8+64/arch=amd64",
    f"{RUN}/cpu=2/spot=false",
    f"{RUN}/cpu=2/rerun=false",
)
# Without the run's id in it, so that one job's runner may take another job.
SHARED = "runs-fleet/cpu=2/pool=shared"
REPOS = ("acme/shop", "acme/payments", "octo/website")
SHARE_WAITING = 0.05
WHOLE_MATRIX = 5
PER_JOB, LEAST_WINDOW = 0.4, 10.0
# Jobs come in the first part of the window, so that what goes wrong later meets them at work.
SENT_BY = 0.7
JOBS_OF_A_THEFT = 2


@dataclass(frozen=True)
class Kind:
    """One kind of fault: its variants, how long it lasts, and in which part of the window."""

    name: str
    whats: tuple[str, ...] = ("",)
    seconds: tuple[float, float] = (0.0, 0.0)
    part: tuple[float, float] = (0.05, 0.85)
    weight: int = 2


# A call that a dead worker had under way is tried again after up to 25 seconds: early kills
# keep a seed short.
KILLS = (
    Kind("worker_killed", seconds=(0.5, 3.0), part=(0.1, 0.6)),
    Kind("api_killed", seconds=(0.5, 3.0), part=(0.1, 0.6)),
    Kind("temporal_killed", seconds=(0.5, 2.0), part=(0.1, 0.6), weight=1),
)
KINDS = (
    *KILLS,
    Kind("webhooks", ("drop", "double", "reorder", "delay", "all"), seconds=(2.0, 6.0)),
    Kind("theft", part=(0.05, 0.6), weight=1),
    Kind("spot_loss", ("before", "during"), seconds=(0.3, 1.5)),
    Kind("hardware_loss", ("told", "untold")),
    Kind(
        "no_capacity",
        ("spot/*/*", "on-demand/*/*", "*/c7*/*", "*/*/us-east-1a", "*/*/*"),
        seconds=(1.0, 4.0),
    ),
    Kind(
        "lost_answer",
        (
            "CreateFleet",
            "PutParameter",
            "TerminateInstances",
            "DeleteParameter",
            "mint",
            "delete",
        ),
    ),
    Kind("github", ("502", "503", "reset", "primary", "secondary", "revoked")),
    Kind("slow_boot", seconds=(2.0, 6.0)),
    Kind("silent_boot", part=(0.05, 0.5), weight=1),
    Kind("sqs_away", seconds=(1.0, 5.0)),
    Kind("cancellation", weight=1),
)


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
    """All that is done to one world; `window` is when it ends, in seconds."""

    seed: int
    jobs: int
    window: float
    sends: tuple[Send, ...]
    acts: tuple[Act, ...]


def plan(seed: int, jobs: int) -> Schedule:
    """Plan one world: each kind of fault once, and as many again as the window has room for."""
    rng = random.Random(seed)
    window = max(LEAST_WINDOW, jobs * PER_JOB)
    acts = sorted(_acts(rng, window), key=lambda act: act.at)
    thefts = sum(act.kind == "theft" for act in acts)
    sends = tuple(_sends(rng, max(jobs - JOBS_OF_A_THEFT * thefts, 1), window))
    return Schedule(seed, jobs, window, sends, tuple(acts))


def _acts(rng: random.Random, window: float) -> Iterator[Act]:
    more = rng.choices(KINDS, [kind.weight for kind in KINDS], k=round(window / 2))
    for kind in [*KINDS, *more]:
        yield Act(
            at=round(window * rng.uniform(*kind.part), 2),
            kind=kind.name,
            what=rng.choice(kind.whats),
            seconds=round(rng.uniform(*kind.seconds), 2),
            draw=rng.randrange(1_000_000),
        )


def _sends(rng: random.Random, jobs: int, window: float) -> Iterator[Send]:
    left = jobs
    while left:
        count = min(rng.choice((1, 1, 2, 4, WHOLE_MATRIX)), left)
        left -= count
        at = round(SENT_BY * window * (1 - (left + count) / jobs) * rng.uniform(0.7, 1), 2)
        yield Send(at, _run(rng, count))


def _run(rng: random.Random, count: int) -> RunPlan:
    repo, label = rng.choice(REPOS), rng.choice((*LABELS, SHARED))
    kind = "waiting" if rng.random() < SHARE_WAITING else "job"
    jobs = tuple(
        JobPlan(
            name=f"test ({shard}/{count})",
            labels=(label,),
            seconds=round(rng.uniform(0.5, 5), 2),
            kind=kind,
        )
        for shard in range(1, count + 1)
    )
    return RunPlan(repo=repo, org=repo.startswith("acme/"), jobs=jobs)
