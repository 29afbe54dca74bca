"""The demo's burst: a morning of several repositories, with everything that can go wrong in it."""

import random
from dataclasses import dataclass, field

from simulator.github.plans import JobPlan, RunPlan
from simulator.github.world import GitHubWorld

RUN = "runs-fleet=${{ github.run_id }}"
STOLEN = ("runs-fleet/cpu=2/gen=7/pool=shared",)
REPOS = ("acme/shop", "acme/payments", "acme/infra", "octo/website")
SHAPES = (
    f"{RUN}/runner=4cpu-linux-arm64",
    f"{RUN}/runner=2cpu-linux-amd64/pool=default",
    f"{RUN}/cpu=4+16/ram=8+64/arch=arm64",
    f"{RUN}/cpu=8/arch=amd64/family=c7i+m7i/spot=false",
)
SPECIALS = 6


@dataclass
class Sent:
    """The ids of what was sent; `jobs` are all of them, the others say which is which."""

    jobs: list[int] = field(default_factory=list)
    cancelled: int | None = None
    waiting: int | None = None
    refused: int | None = None
    victim: int | None = None
    thief: int | None = None
    spot: int | None = None


def send(github: GitHubWorld, count: int, *, seed: int) -> Sent:
    """Send `count` jobs; from seven on, six of them are special."""
    rng, sent = random.Random(seed), Sent()
    if count > SPECIALS:
        _send_specials(github, sent)
    while len(sent.jobs) < count:
        wanted = min(rng.choice((1, 1, 2, 4, 6)), count - len(sent.jobs))
        sent.jobs += github.create_run(_matrix(rng, wanted)).jobs
    return sent


def _matrix(rng: random.Random, count: int) -> RunPlan:
    label = rng.choice(SHAPES)
    names = (
        ["build"] if count == 1 else [f"test ({shard}/{count})" for shard in range(1, count + 1)]
    )
    jobs = tuple(JobPlan(name=name, labels=(label,), seconds=rng.uniform(0.5, 3)) for name in names)
    repo = rng.choice(REPOS)
    return RunPlan(repo=repo, org=repo.startswith("acme/"), workflow="CI", jobs=jobs)


def _send_specials(github: GitHubWorld, sent: Sent) -> None:
    def one(name: str, labels: tuple[str, ...], **more: float | str) -> int:
        job = JobPlan.model_validate({"name": name, "labels": labels, **more})
        return github.create_run(RunPlan(workflow="Odd ones", jobs=(job,))).jobs[0]

    sent.spot = one("loses its spot machine", (f"{RUN}/cpu=2/arch=arm64",), seconds=8)
    sent.victim = one("has its runner stolen", STOLEN)
    sent.thief = github.steal(STOLEN, repo="acme/app", seconds=2)
    sent.cancelled = one("is cancelled", (f"{RUN}/cpu=2",), seconds=5)
    sent.waiting = one("waits for approval", (f"{RUN}/cpu=2",), kind="waiting")
    sent.refused = one("has a bad label", (f"{RUN}/cpu=lots",))
    sent.jobs += [
        sent.spot, sent.victim, sent.thief, sent.cancelled, sent.waiting, sent.refused,
    ]  # fmt: skip
