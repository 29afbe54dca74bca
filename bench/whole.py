"""The demo's world with everything that goes wrong in it, at size."""

import asyncio
import time

from bench.figures import Aim, Result
from bench.progress import Say
from bench.sizes import Sizes
from simulator.demo import DEMO, run
from simulator.screen import Screen
from simulator.world import Plan, World


def whole_world(sizes: Sizes, say: Say) -> list[Result]:
    """Send the demo's burst to machines with real agents."""
    say(f"{sizes.demo} jobs through the demo's world")
    with World(Plan(levers=DEMO)) as world:
        began = time.monotonic()
        accounts = asyncio.run(run(world, Screen(), jobs=sizes.demo, seed=1))
        seconds = time.monotonic() - began
    aims = {"lost": accounts.lost, "duplicates": accounts.duplicates, "orphans": accounts.orphans}
    return [
        Result(
            title="The demo's world, with agents",
            columns=(
                "jobs", "completed", "cancelled", "refused", *aims, "wall time, s",
                "queued to started p50, ms", "p99, ms",
            ),
            rows=[(
                accounts.jobs, accounts.completed, accounts.cancelled, accounts.refused,
                *aims.values(), round(seconds, 1),
                accounts.queued_to_started_p50_ms, accounts.queued_to_started_p99_ms,
            )],
            aims=[
                Aim(name=f"{accounts.jobs} jobs: {name}", value=value, at_most=0)
                for name, value in aims.items()
            ],
            notes=["All jobs are sent at once; machines boot for 1 s, jobs take 0.5 to 3 s."],
        )
    ]  # fmt: skip
