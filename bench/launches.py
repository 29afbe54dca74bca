"""A cold burst against an EC2 with the token buckets of the real one."""

from bench import traffic
from bench.figures import Aim, Result, spread
from bench.progress import Say
from bench.sizes import Sizes
from simulator.aws.models import Books, Levers, Throttle
from simulator.world import Plan, World

BOOT = 30.0
LAST, CALLS = 25.0, 60
# https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
BUCKETS = (
    Throttle(action="CreateFleet", burst=5, refill=2),
    Throttle(action="StartInstances", burst=5, refill=2),
    Throttle(action="TerminateInstances", burst=100, refill=5),
)
MUTATING = ("CreateFleet", "CreateTags", "StartInstances", "StopInstances", "TerminateInstances")


def cold_burst(sizes: Sizes, say: Say) -> list[Result]:
    """Measure when the last machine of a burst is asked for, and what it took."""
    result = Result(
        title="A cold burst with EC2's token buckets",
        columns=(
            "burst", "first s", "p50 s", "last s", "CreateFleet", "refused", "all mutating calls",
            "machines a call", "all ended by calls",
        ),
        notes=[
            "Counted from the burst's first webhook to the arrival of the job's first CreateFleet "
            "call; boots take 30 s.",
            "CreateFleet: five at once, then two a second; four shapes of machine.",
        ],
    )  # fmt: skip
    plan = Plan(agents=False, github=traffic.AT_ONCE, levers=Levers(boot_seconds=BOOT))
    with World(plan) as world:
        for bucket in BUCKETS:
            world.aws.throttle(bucket)
        for count in sizes.launches:
            result.rows.append(_burst(world, count, say))
    for row in result.rows:
        result.aims += [
            Aim(
                name=f"burst of {row[0]}: last launch", value=float(row[3]), at_most=LAST, unit="s"
            ),
            Aim(name=f"burst of {row[0]}: EC2 mutating calls", value=float(row[6]), at_most=CALLS),
        ]
    return [result]


def _burst(world: World, count: int, say: Say) -> tuple[str | float | int, ...]:
    say(f"cold burst of {count}")
    before = world.aws.books()
    jobs = traffic.send(world, count)
    traffic.ordered(world, jobs)
    launched = world.aws.books()
    measured = traffic.samples(world, jobs)
    since = spread(ms / 1000 for ms in measured.since_first)
    traffic.cancel(world, jobs)
    fleets = launched.fleets[len(before.fleets) :]
    refused = sum(1 for call in fleets if call.error)
    calls = _mutating(launched) - _mutating(before)
    ended = world.aws.books().count("TerminateInstances") - launched.count("TerminateInstances")
    each = round(count / max(len(fleets) - refused, 1), 1)
    return (
        str(count), since.first, since.p50, since.last, len(fleets), refused, calls, each, ended,
    )  # fmt: skip


def _mutating(books: Books) -> int:
    return books.count(*MUTATING, app="worker")
