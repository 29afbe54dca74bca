"""What a normal job costs: history, billable actions, calls to GitHub and to AWS."""

import asyncio
from collections import Counter
from collections.abc import Callable

from bench import traffic
from bench.figures import Aim, Result, spread
from bench.histories import Cost, costs
from bench.progress import Say
from bench.sizes import Sizes
from simulator.world import Plan, World

OURS = ("api", "worker")
MINT = "generate-jitconfig"
LOGIN = "access_tokens"


class _Load:
    """Jobs of one kind, with the calls that were made meanwhile."""

    def __init__(self, world: World, name: str, send: Callable[[], list[int]]) -> None:
        github, aws = _github_calls(world), _aws_calls(world)
        self.name, self.jobs = name, send()
        traffic.done(world, self.jobs)
        self.github = _github_calls(world) - github
        self.aws = _aws_calls(world) - aws
        self.costs = asyncio.run(costs(world.temporal.address, self.jobs))

    def per_job(self, calls: int) -> float:
        return round(calls / len(self.jobs), 2)


def normal_jobs(sizes: Sizes, say: Say) -> list[Result]:
    """Run jobs on machines with real agents, steadily and one at a time."""
    with World(Plan(github=traffic.AT_ONCE)) as world:
        say("warming up with one job")
        _Load(world, "", lambda: traffic.send(world, 1))
        say(f"{sizes.cost_steady} jobs at {sizes.cost_rate}/s, with agents")
        steady = _Load(
            world,
            f"{sizes.cost_rate}/s",
            lambda: traffic.send_at(world, sizes.cost_rate, sizes.cost_steady),
        )
        say(f"{sizes.cost_single} jobs one at a time, with agents")
        single = _Load(world, "one at a time", lambda: _one_at_a_time(world, sizes.cost_single))
    loads = [steady, single]
    return [_summary(loads), _actions(loads), _calls(loads)]


def _one_at_a_time(world: World, count: int) -> list[int]:
    jobs = list[int]()
    for _ in range(count):
        sent = traffic.send(world, 1)
        traffic.done(world, sent)
        jobs += sent
    return jobs


def _summary(loads: list[_Load]) -> Result:
    result = Result(
        title="Cost of a normal job",
        columns=(
            "load", "jobs", "events p50", "events max", "KiB of history", "actions p50",
            "actions max", "JIT calls", "other GitHub calls", "AWS calls",
        ),
        notes=["AWS calls are those of API and worker together, polling included."],
    )  # fmt: skip
    for load in loads:
        events = spread(cost.events for cost in load.costs)
        actions = spread(cost.billable for cost in load.costs)
        mint, rest = _split(load.github)
        github, aws = load.per_job(mint + rest), load.per_job(load.aws.total())
        size = round(spread(cost.size for cost in load.costs).p50 / 1024, 1)
        result.rows.append((
            load.name, events.count, events.p50, events.last, size, actions.p50, actions.last,
            load.per_job(mint), load.per_job(rest), aws,
        ))  # fmt: skip
        result.aims += [
            Aim(name=f"{load.name}: events of a job, p50", value=events.p50, at_most=50),
            Aim(name=f"{load.name}: billable actions, p50", value=actions.p50, at_most=15),
            Aim(name=f"{load.name}: GitHub calls per job", value=github, at_most=2),
            Aim(name=f"{load.name}: AWS calls per job", value=aws, at_most=6),
        ]
    return result


def _actions(loads: list[_Load]) -> Result:
    kinds = sorted({kind for load in loads for cost in load.costs for kind in cost.actions})
    return Result(
        title="Billable actions per job, by kind",
        columns=("load", *kinds),
        rows=[(load.name, *(_mean(load.costs, kind) for kind in kinds)) for load in loads],
    )


def _calls(loads: list[_Load]) -> Result:
    kinds = sorted({call for load in loads for call in [*load.aws, *load.github]})
    rows: list[tuple[str | float, ...]] = [
        (kind, *(load.per_job(load.aws[kind] + load.github[kind]) for load in loads))
        for kind in kinds
    ]
    return Result(
        title="Calls per job", columns=("call", *(load.name for load in loads)), rows=rows
    )


def _mean(each: list[Cost], kind: str) -> float:
    return round(sum(cost.actions.get(kind, 0) for cost in each) / len(each), 2)


def _split(calls: Counter[str]) -> tuple[int, int]:
    mint = sum(count for route, count in calls.items() if MINT in route)
    return mint, calls.total() - mint


def _github_calls(world: World) -> Counter[str]:
    """Calls by route; an installation's token is good for an hour of jobs."""
    books = world.github.books(deliveries=False)
    return Counter({
        route: sum(statuses.values()) for route, statuses in books.calls.items()
    })  # fmt: skip


def _aws_calls(world: World) -> Counter[str]:
    """Calls by action and application."""
    return Counter({
        f"{action} ({app})": count
        for action, apps in world.aws.books().calls.items()
        for app, count in apps.items()
        if app in OURS
    })  # fmt: skip
