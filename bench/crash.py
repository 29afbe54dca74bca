"""The worker is killed in the middle of a burst, and a new one is started."""

import time
from collections import Counter

from bench import traffic
from bench.figures import Aim, Result
from bench.progress import Say
from bench.sizes import Sizes
from simulator.accounts import RUNNER_TAG, settle
from simulator.world import Plan, World

SHARE = 3


def killed_worker(sizes: Sizes, say: Say) -> list[Result]:
    """Kill when a third of the machines have been asked for."""
    with World(Plan(github=traffic.AT_ONCE)) as world:
        say(f"burst of {sizes.crash}, the worker is killed")
        jobs = traffic.send(world, sizes.crash)
        while len(traffic.first_orders(world)) < sizes.crash // SHARE:
            time.sleep(0.02)
        world.kill_workers()
        before = len(traffic.first_orders(world))
        restarted = time.time()
        world.start_worker()
        say("a new worker takes over")
        traffic.done(world, jobs)
        return [_result(world, jobs, before=before, restarted=restarted)]


def _result(world: World, jobs: list[int], *, before: int, restarted: float) -> Result:
    accounts = settle(world, jobs, refused=set())
    runners = Counter(machine.tags[RUNNER_TAG] for machine in world.aws.machines())
    books = world.github.books(deliveries=False)
    machine = max(traffic.first_orders(world).values()) - restarted
    done = max(job.completed_at.timestamp() for job in books.jobs if job.completed_at) - restarted
    return Result(
        title="kill -9 of the worker in a burst",
        columns=(
            "jobs", "machines asked for before", "completed", "attempts", "machines per attempt",
            "last machine after, s", "last job after, s", "lost", "duplicates", "orphans",
        ),
        rows=[(
            len(jobs), before, accounts.completed, len(runners), max(runners.values()),
            round(machine, 1), round(done, 1),
            accounts.lost, accounts.duplicates, accounts.orphans,
        )],
        aims=[
            Aim(name="kill -9: lost", value=accounts.lost, at_most=0),
            Aim(name="kill -9: machines per attempt", value=max(runners.values()), at_most=1),
            Aim(name="kill -9: orphans", value=accounts.orphans, at_most=0),
        ],
        notes=["The new worker is started at once; times are from its start, jobs take 1 s."],
    )  # fmt: skip
