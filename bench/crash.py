"""The only worker is killed in the middle of a burst, and a new one is started."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench import traffic
from bench.figures import Aim, Result, Spread, spread
from bench.progress import Say
from bench.sizes import Sizes
from runs_fleet import names
from simulator.accounts import settle
from simulator.github.books import DeliveryRecord
from simulator.world import Plan, World

SHARE = 3
LOOK = 0.02


@dataclass(frozen=True)
class Crash:
    """When the worker died and when a new one was started, in Unix time."""

    killed: float
    restarted: float

    def before(self, moments: Iterable[float]) -> int:
        """Count what was done before the kill."""
        return sum(1 for moment in moments if moment <= self.killed)

    def after(self, moments: Iterable[float]) -> Spread:
        """Tell how long after the restart the rest was done, in seconds."""
        return spread(moment - self.restarted for moment in moments if moment > self.killed)


def killed_worker(sizes: Sizes, say: Say) -> list[Result]:
    """Kill when a third of the machines have been asked for."""
    with World(Plan(github=traffic.AT_ONCE)) as world:
        say(f"burst of {sizes.crash}, the worker is killed")
        jobs = traffic.send(world, sizes.crash)
        while len(traffic.first_orders(world)) < sizes.crash // SHARE:
            time.sleep(LOOK)
        killed = time.time()
        world.kill_workers()
        crash = Crash(killed=killed, restarted=time.time())
        world.start_worker()
        say("a new worker takes over")
        traffic.done(world, jobs)
        return [_result(world, jobs, crash)]


def _result(world: World, jobs: list[int], crash: Crash) -> Result:
    accounts = settle(world, jobs, refused=set())
    each = Counter(machine.runner for machine in world.aws.machines())
    books = world.github.books()
    accepted = [moment for one in books.deliveries if (moment := _accepted(one))]
    made, runners = _machines(world), _runners(world)
    machine, runner = crash.after(made.values()), crash.after(runners.values())
    done = crash.after(job.completed_at.timestamp() for job in books.jobs if job.completed_at)
    return Result(
        title="kill -9 of the only worker in a burst",
        columns=(
            "jobs", "webhooks taken before", "machines before", "runners before",
            "machine after p50, s", "max, s", "runner after p50, s", "max, s", "last job, s",
            "attempts", "machines per attempt", "lost", "duplicates", "orphans",
        ),
        rows=[(
            len(jobs), crash.before(accepted), crash.before(made.values()),
            crash.before(runners.values()), machine.p50, machine.last, runner.p50, runner.last,
            done.last, len(each), max(each.values()),
            accounts.lost, accounts.duplicates, accounts.orphans,
        )],
        aims=[
            Aim(name="kill -9: runner after p50", value=runner.p50, at_most=10, unit="s"),
            Aim(name="kill -9: runner after, max", value=runner.last, at_most=30, unit="s"),
            Aim(name="kill -9: lost", value=accounts.lost, at_most=0),
            Aim(name="kill -9: machines per attempt", value=max(each.values()), at_most=1),
            Aim(name="kill -9: orphans", value=accounts.orphans, at_most=0),
        ],
        notes=[
            "The new worker is started at once. Times are from its start, and of the jobs whose"
            " first machine was made, or whose first runner was registered, only after the kill.",
        ],
    )  # fmt: skip


def _machines(world: World) -> Mapping[int, float]:
    """When the first machine of each job was made."""
    return _first((machine.runner, machine.times[0][1]) for machine in world.aws.machines())


def _runners(world: World) -> Mapping[int, float]:
    """When the first runner of each job was registered."""
    books = world.github.books(deliveries=False)
    return _first((runner.name, runner.created_at.timestamp()) for runner in books.runners)


def _first(named: Iterable[tuple[str, float]]) -> Mapping[int, float]:
    found: dict[int, float] = {}
    for runner, moment in named:
        owner = names.owner(runner)
        if owner is not None:
            found[owner[0]] = min(moment, found.get(owner[0], moment))
    return found


def _accepted(one: DeliveryRecord) -> float | None:
    taken = one.action == "queued" and one.status == "OK" and one.answered_at is not None
    return one.answered_at.timestamp() if taken and one.answered_at else None
