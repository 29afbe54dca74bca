"""Warm pools: from the webhook to a runner, to a job that runs, and to StartInstances."""

import time
from collections.abc import Sequence

from pydantic import BaseModel

from bench import traffic, warm
from bench.figures import Aim, Cell, Result, spread
from bench.launches import BUCKETS
from bench.progress import Say
from bench.sizes import Sizes
from simulator.aws.models import Levers
from simulator.github.books import Books
from simulator.world import World

# What the machines of this world boot in; of no matter for what is measured.
QUICK = Levers(boot_seconds=1.0, boot_spread=0.2, stop_seconds=0.5)
# A machine that is started is not up before all is measured.
SLOW = QUICK.model_copy(update={"start_seconds": 300.0})
RUN = "runs-fleet=${{ github.run_id }}"
HOT, LISTENING = 4, 8
WARM_UP = 5
BURST_BUCKET = next(each for each in BUCKETS if each.action == "StartInstances")
# Jobs that come one at a time never wait for that bucket.
PACE = 1.2 / BURST_BUCKET.refill
ONLINE, IN_PROGRESS, START, SLACK = 1000, 1500, 300, 1.0
TIERS = f"""\
pools:
  - name: hot
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{hot: {HOT}}}
    max: {2 * HOT}
  - name: ears
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{listening: {LISTENING}}}
    max: {2 * LISTENING}
    listening: {{repository: acme/app, organization: acme, label: runs-fleet/cpu=2/pool=ears}}
"""
STOPPED = """\
pools:
  - name: single
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{stopped: {single}}}
    max: {single}
  - name: burst
    mode: ec2
    spec: {{cpu: 2}}
    targets: {{stopped: {burst}}}
    max: {burst}
"""
OURS = (
    "From the webhook leaving GitHub, one job at a time, with real agents on machines that are"
    " there, and a stand-in runner that starts at once.",
    "GitHub's own runner takes about 4 s more to start; one that listens has started long before.",
    "For comparison, RunsOn publishes 6 s for hot, 15 s for stopped and 25 s for cold machines,"
    " GitHub's runner and the boot of real machines included.",
)  # fmt: skip


class Waits(BaseModel):
    """What jobs waited for, in milliseconds from their webhooks; of listening ones only `ran`."""

    online: list[float] = []
    ran: list[float] = []
    strays: int = 0


def warm_pools(sizes: Sizes, say: Say) -> list[Result]:
    """Measure each tier with one job at a time, and a burst of stopped machines."""
    with warm.warm_world(TIERS, QUICK) as world:
        hot, ears = _tiers(world, sizes, say)
    single, count = WARM_UP + sizes.pools_single, sizes.pools_stopped
    with warm.warm_world(STOPPED.format(single=single, burst=count), SLOW) as world:
        say(f"stopping {single + count} machines")
        warm.filled(world, "single", "stopped", single)
        warm.filled(world, "burst", "stopped", count)
        world.aws.throttle(BURST_BUCKET)
        starts, burst = _claims(world, single, say), _burst(world, count, say)
    return [_table(hot, ears, starts), burst]


def _tiers(world: World, sizes: Sizes, say: Say) -> tuple[Waits, Waits]:
    say(f"hot: {sizes.pools_single} jobs one at a time")
    warm.filled(world, "hot", "free", HOT)
    _one_by_one(world, "hot", WARM_UP)
    hot = _one_by_one(world, "hot", sizes.pools_single)
    say(f"listening: {sizes.pools_single} jobs one at a time")
    # This GitHub knew no organization before the first job, and refused to register anybody.
    warm.resume(world, "ears")
    warm.filled(world, "ears", "listening", LISTENING)
    return hot, _one_by_one(world, "ears", sizes.pools_single)


def _one_by_one(world: World, pool: str, count: int) -> Waits:
    """Have each job find the pool full again."""
    label, phase, most = {
        "hot": (f"{RUN}/cpu=2/pool=hot", "free", HOT),
        "ears": ("runs-fleet/cpu=2/pool=ears", "listening", LISTENING),
    }[pool]
    jobs = list[int]()
    for _ in range(count):
        jobs += (sent := warm.send(world, label))
        warm.concluded(world, sent)
        warm.filled(world, pool, phase, most)
    return _waits(world, jobs)


def _waits(world: World, jobs: Sequence[int]) -> Waits:
    books, webhooks = world.github.books(), traffic.first_webhooks(world)
    bought = {call for call in traffic.first_orders(world) if call in jobs}
    waits = Waits(strays=len(bought))
    for job_id in jobs:
        sent = traffic.sent_at(webhooks[job_id])
        ran, online = _moments(books, job_id)
        waits.ran.append((ran - sent) * 1000)
        waits.online.append((online - sent) * 1000)
    return waits


def _moments(books: Books, job_id: int) -> tuple[float, float]:
    """Tell when a job began to run, and since when its runner has been at GitHub."""
    job = books.job(job_id)
    online = books.runner(job.runners[-1]).online_at
    assert job.started_at is not None, "it ran"
    assert online is not None, "its runner was there"
    return job.started_at.timestamp(), online.timestamp()


def _claims(world: World, count: int, say: Say) -> Waits:
    say(f"stopped: {count} jobs one at a time")
    jobs = list[int]()
    for _ in range(count):
        jobs += (sent := warm.send(world, f"{RUN}/cpu=2/pool=single", seconds=60))
        _started(world, sent)
    waits = [(at - sent) * 1000 for at, sent in _starts(world, jobs[WARM_UP:])]
    strays = len(traffic.first_orders(world).keys() & set(jobs))
    return Waits(online=waits, strays=strays)


def _started(world: World, jobs: Sequence[int]) -> None:
    """Wait until EC2 was told to start, or to make, a machine for every job that does not run.

    Not to look at first leaves EC2, which is a process here, to those who are measured.
    """
    time.sleep(PACE)

    def lacking() -> set[int]:
        books = world.github.books(deliveries=False)
        queued = {job.id for job in books.jobs if job.status == "queued"} & set(jobs)
        starts = warm.started(world.aws.machines(), jobs)
        return queued - starts.keys() - traffic.first_orders(world).keys()

    traffic.until(lacking, patience=120)
    traffic.until(lambda: traffic.pending(world), patience=60)


def _starts(world: World, jobs: Sequence[int]) -> list[tuple[float, float]]:
    """Pair each start with when the job's webhook left."""
    webhooks = traffic.first_webhooks(world)
    return [
        (at, traffic.sent_at(webhooks[job]))
        for job, at in warm.started(world.aws.machines(), jobs).items()
    ]


def _burst(world: World, count: int, say: Say) -> Result:
    say(f"burst of {count} on stopped machines")
    before = world.aws.books().count("StartInstances")
    jobs = warm.send(world, f"{RUN}/cpu=2/pool=burst", count=count, seconds=60)
    _started(world, jobs)
    calls = world.aws.books().count("StartInstances") - before
    strays = len(traffic.first_orders(world).keys() & set(jobs))
    starts = _starts(world, jobs)
    first = min(sent for _, sent in starts)
    seen = spread(at - first for at, _ in starts)
    limit = max(0.0, (calls - BURST_BUCKET.burst) / BURST_BUCKET.refill)
    return Result(
        title="A burst on stopped machines, with EC2's token bucket",
        columns=(
            "burst", "first s", "p50 s", "last s", "StartInstances", "machines a call",
            "the bucket's limit s", "went cold",
        ),
        rows=[(
            str(count), seen.first, seen.p50, seen.last, calls, round(len(starts) / calls, 1),
            limit, strays,
        )],
        aims=[
            Aim(
                name=f"burst of {count} stopped: last StartInstances",
                value=seen.last, at_most=limit + SLACK, unit="s",
            ),
            Aim(name=f"burst of {count} stopped: went cold", value=strays, at_most=0),
        ],
        notes=[
            "Counted from the burst's first webhook until EC2 has taken the call. StartInstances:"
            " five at once, then two a second; the limit is when so many calls can have been made.",
        ],
    )  # fmt: skip


def _table(hot: Waits, ears: Waits, starts: Waits) -> Result:
    online, ran, listening = spread(hot.online), spread(hot.ran), spread(ears.ran)
    start = spread(starts.online)
    rows: list[tuple[Cell, ...]] = [
        (name, seen.count, seen.p50, seen.p99, seen.last, strays)
        for name, seen, strays in (
            ("hot: the runner is at GitHub", online, hot.strays),
            ("hot: the job runs", ran, hot.strays),
            ("listening: the job runs", listening, ears.strays),
            ("stopped: StartInstances", start, starts.strays),
        )
    ]
    return Result(
        title="Warm pools, one job at a time, ms",
        columns=("until", "jobs", "p50", "p99", "max", "went cold"),
        rows=rows,
        aims=[
            Aim(name="hot: runner p50", value=online.p50, at_most=ONLINE, unit="ms"),
            Aim(name="listening: in progress p50", value=listening.p50, at_most=IN_PROGRESS,
                unit="ms"),
            Aim(name="stopped: StartInstances p99", value=start.p99, at_most=START, unit="ms"),
        ],
        notes=list(OURS),
    )  # fmt: skip
