"""From webhook to acknowledgement and to CreateFleet, with machines that run nothing."""

from bench import traffic
from bench.figures import Aim, Result, spread
from bench.processes import CpuMeter, memory
from bench.progress import Say
from bench.sizes import Sizes
from bench.traffic import Samples
from simulator.world import Plan, World

BARE = Plan(agents=False, github=traffic.AT_ONCE)
# Larger bursts are promised to be acknowledged whole, and nothing of how soon.
LARGEST_TIMED_BURST = 100
SPREADS = ("p50", "p99", "max")
FROM_OWN = "CreateFleet is counted from the job's own webhook leaving GitHub to the call's arrival."


def steady(sizes: Sizes, say: Say) -> list[Result]:
    """Measure jobs one at a time, and at fixed rates."""
    result = Result(
        title="Latency at steady load, ms",
        columns=("load", "jobs", *_columns("ack", SPREADS), *_columns("CreateFleet", SPREADS)),
        notes=[FROM_OWN, f"After {sizes.warm_up} jobs to warm up."],
    )
    with World(BARE) as world:
        _warm_up(world, sizes, say)
        say(f"{sizes.single} jobs one at a time")
        single = _one_at_a_time(world, sizes.single)
        result.rows.append(_row("one at a time", single))
        result.aims += _single_aims(single)
        for rate, count in sizes.rates.items():
            say(f"{count} jobs at {rate}/s")
            jobs = traffic.send_at(world, rate, count)
            traffic.ordered(world, jobs)
            measured = traffic.samples(world, jobs)
            result.rows.append(_row(f"{rate}/s", measured))
            result.aims += _rate_aims(rate, measured)
            traffic.cancel(world, jobs)
    return [result]


def bursts(sizes: Sizes, say: Say) -> list[Result]:
    """Measure jobs that come all at once, their cost in CPU time, and memory before and after."""
    latency = Result(
        title="Latency in bursts, ms",
        columns=(
            "burst", *_columns("ack", SPREADS), "not acked",
            *_columns("CreateFleet", ("first", "p50", "p99", "last")),
        ),
        notes=[
            "All webhooks leave at once, each on a connection of its own.",
            "CreateFleet is counted from the burst's first webhook to the call's arrival.",
        ],
    )  # fmt: skip
    cpu = Result(
        title="CPU time per job of a burst, ms",
        columns=("burst", "API", "worker", "Temporal", "GitHub", "AWS", "all"),
        notes=[
            "From the webhooks until all runners are registered.",
            "GitHub and AWS are the fakes; they share the machine's cores with the product.",
        ],
    )
    with World(BARE) as world:
        _warm_up(world, sizes, say)
        idle = memory(world)
        for count in sizes.bursts:
            say(f"burst of {count}")
            meter = CpuMeter(world)
            jobs = traffic.send(world, count)
            traffic.ordered(world, jobs)
            traffic.registered(world, jobs)
            used = {name: ms / count for name, ms in meter.used_ms().items()}
            measured = traffic.samples(world, jobs)
            latency.rows.append(_burst_row(count, measured))
            latency.aims += _burst_aims(count, measured)
            cpu.rows.append((str(count), *used.values(), sum(used.values())))
            traffic.cancel(world, jobs)
        return [latency, cpu, _memory(idle, memory(world), f"after {sum(sizes.bursts)} jobs")]


def _warm_up(world: World, sizes: Sizes, say: Say) -> None:
    say(f"warming up with {sizes.warm_up} jobs")
    jobs = traffic.send_at(world, 5, sizes.warm_up)
    traffic.ordered(world, jobs)
    traffic.cancel(world, jobs)


def _one_at_a_time(world: World, count: int) -> Samples:
    jobs = list[int]()
    for _ in range(count):
        sent = traffic.send(world, 1)
        traffic.ordered(world, sent)
        jobs += sent
    measured = traffic.samples(world, jobs)
    traffic.cancel(world, jobs)
    return measured


def _columns(what: str, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{what} {name}" for name in names)


def _row(load: str, measured: Samples) -> tuple[str | float, ...]:
    ack, fleet = spread(measured.ack), spread(measured.fleet)
    return (load, ack.count, ack.p50, ack.p99, ack.last, fleet.p50, fleet.p99, fleet.last)


def _burst_row(count: int, measured: Samples) -> tuple[str | float, ...]:
    ack, fleet = spread(measured.ack), spread(measured.since_first)
    acks = (ack.p50, ack.p99, ack.last, measured.failed)
    return (str(count), *acks, fleet.first, fleet.p50, fleet.p99, fleet.last)


def _single_aims(measured: Samples) -> list[Aim]:
    fleet = spread(measured.fleet)
    return [
        Aim(name="one at a time: CreateFleet p50", value=fleet.p50, at_most=60, unit="ms"),
        Aim(name="one at a time: CreateFleet p99", value=fleet.p99, at_most=120, unit="ms"),
    ]


def _rate_aims(rate: int, measured: Samples) -> list[Aim]:
    p99 = spread(measured.ack).p99
    return [Aim(name=f"{rate}/s: ack p99", value=p99, at_most=60, unit="ms")]


def _burst_aims(count: int, measured: Samples) -> list[Aim]:
    failed = Aim(name=f"burst of {count}: not acked", value=measured.failed, at_most=0)
    if count > LARGEST_TIMED_BURST:
        return [failed]
    ack, last = spread(measured.ack).p99, spread(measured.since_first).last
    return [
        failed,
        Aim(name=f"burst of {count}: ack p99", value=ack, at_most=1000, unit="ms"),
        Aim(name=f"burst of {count}: last CreateFleet", value=last, at_most=5000, unit="ms"),
    ]


def _memory(before: dict[str, float], after: dict[str, float], when: str) -> Result:
    rows: list[tuple[str | float, ...]] = [(name, before[name], after[name]) for name in before]
    return Result(
        title="Resident memory, MiB",
        columns=("process", "idle, warmed up", when),
        rows=rows,
        notes=["Temporal keeps everything in memory here; its database would be on disk."],
    )
