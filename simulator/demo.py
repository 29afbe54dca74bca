"""`runs-fleet demo`: a burst of jobs through a whole world, watched live and accounted for."""

import asyncio
import signal
import sys
import time
from contextlib import suppress

from simulator.accounts import Accounts, orphans, settle
from simulator.aws.models import Levers
from simulator.burst import Sent, send
from simulator.github.books import Books
from simulator.screen import Screen, summary
from simulator.watching import Watcher
from simulator.world import Plan, World

LOOK = 0.25
PATIENCE = 60.0
PER_JOB = 1.5
SETTLE = 20.0
DEMO = Levers(boot_seconds=0.8, boot_spread=0.4, reclaim_after=1.0)


def main(*, jobs: int, as_json: bool, keep: bool, seed: int = 1) -> int:
    """Run the demo; the exit status is 0 only if nothing was lost, doubled or left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = Screen()
    screen.say("starting GitHub, AWS, Temporal, the API and a worker on this machine ...")
    with World(Plan(seed=seed, ui=True, levers=DEMO)) as world:
        accounts = asyncio.run(run(world, screen, jobs=jobs, seed=seed))
        if as_json:
            sys.stdout.write(accounts.model_dump_json(indent=2) + "\n")
            sys.stdout.flush()
        else:
            screen.console.print(summary(accounts))
        if keep:
            _keep(world, screen)
    return 0 if accounts.clean else 1


def dev() -> int:
    """Start the world of the demo and wait for webhooks, until interrupted."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    screen = Screen()
    screen.say("starting GitHub, AWS, Temporal, the API and a worker on this machine ...")
    with World(Plan(ui=True, levers=DEMO)) as world:
        _keep(world, screen)
    return 0


async def run(world: World, screen: Screen, *, jobs: int, seed: int) -> Accounts:
    """Send the burst, make its mishaps happen, wait for the end, and settle accounts."""
    watcher = await Watcher.connect(world.temporal.address)
    _introduce(world, screen)
    with screen:
        sent = await asyncio.to_thread(send, world.github, jobs, seed=seed)
        mishaps = asyncio.create_task(_mishaps(world, sent))
        await _watched(world, watcher, screen, sent)
        await mishaps
        await _settled(world, watcher, screen, sent)
    refused = {row.job_id for row in await watcher.rows() if row.state == "refused"}
    return await asyncio.to_thread(settle, world, sent.jobs, refused=refused)


def _introduce(world: World, screen: Screen) -> None:
    screen.say(f"Temporal UI   {world.temporal.ui_url}")
    screen.say(f"webhooks      {world.webhook_url}")
    screen.say(f"GitHub        {world.github.root}")
    screen.say(f"logs          {world.home}")


async def _mishaps(world: World, sent: Sent) -> None:
    """Cancel, approve and lose what the burst has for it."""
    if sent.cancelled is None or sent.waiting is None or sent.spot is None:
        return
    github = world.github
    await asyncio.to_thread(github.cancel_job, sent.cancelled)
    await asyncio.sleep(1)
    await asyncio.to_thread(github.approve, sent.waiting)
    runner = await _runner_of(world, sent.spot)
    for machine in await asyncio.to_thread(world.aws.machines):
        if machine.tags.get("runs-fleet:runner") == runner:
            await asyncio.to_thread(world.aws.interrupt, machine.machine_id)


async def _runner_of(world: World, job_id: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        books = await asyncio.to_thread(world.github.books, deliveries=False)
        if runners := books.job(job_id).runners:
            return runners[0]
        await asyncio.sleep(LOOK)
    return ""


async def _watched(world: World, watcher: Watcher, screen: Screen, sent: Sent) -> None:
    """Show progress until GitHub has concluded everything that can be."""
    deadline = time.monotonic() + PATIENCE + PER_JOB * len(sent.jobs)
    while time.monotonic() < deadline:
        screen.show(await watcher.rows(), asked=len(sent.jobs))
        books = await asyncio.to_thread(world.github.books, deliveries=False)
        if _concluded(books, sent):
            return
        await asyncio.sleep(LOOK)


def _concluded(books: Books, sent: Sent) -> bool:
    """A refused job stays queued; a job lost to spot is done when its re-run is."""
    if any(job.id != sent.refused for job in books.unfinished):
        return False
    lost = next((job for job in books.jobs if job.id == sent.spot), None)
    again = any(job.run_attempt > 1 for job in books.jobs)
    return lost is None or lost.conclusion == "success" or again


async def _settled(world: World, watcher: Watcher, screen: Screen, sent: Sent) -> None:
    """Wait until every lifecycle is over and nothing is left; how long it may take is bounded."""
    deadline = time.monotonic() + SETTLE + PER_JOB * len(sent.jobs) / 10
    while time.monotonic() < deadline:
        screen.show(await watcher.rows(), asked=len(sent.jobs))
        if not await watcher.open_count() and not (await asyncio.to_thread(_left, world)):
            return
        await asyncio.sleep(LOOK)


def _left(world: World) -> int:
    return orphans(world, world.github.books(deliveries=False), world.aws.machines()).total


def _keep(world: World, screen: Screen) -> None:
    """Stay until somebody has seen enough."""
    _introduce(world, screen)
    screen.say(f"create a run: POST {world.github.root}/_admin/create_run; Ctrl-C ends the world")
    with suppress(KeyboardInterrupt):
        signal.pause()
