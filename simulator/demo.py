"""`runs-fleet demo`: a burst of jobs through a whole world, watched live and accounted for."""

import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from runs_fleet.models import Mode
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
FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
WELCOME = "A whole fleet on this machine: nothing leaves it, nothing stays."
REAL: dict[Mode, str] = {
    "ec2": "GitHub, AWS and the machines are simulated; Temporal, the webhook API, the worker and "
    "the agents are real.",
    "k8s": "GitHub and the nodes are simulated; Temporal, the Kubernetes control plane, Valkey, "
    "the webhook API, the worker and the agents in the pods are real.",
}
GIVEN = (
    "Kubernetes objects are made in the cluster of this kubeconfig, in a namespace that goes "
    "afterwards. GitHub, Temporal, Valkey, the webhook API and the worker are on this machine "
    "only, and the pods' image is only a name: pods do not run there, and jobs count as lost."
)
TAKEN: dict[Mode, str] = {"ec2": "the cloud takes back", "k8s": "a node evicts"}
ODD = (
    " Six are odd: a bad label, a cancelled job, one that waits for approval, one whose runner is "
    "taken by another job, that other job, and one that loses its machine."
)
ANOTHER = '{"jobs": [{"labels": ["runs-fleet=${{ github.run_id }}/cpu=2"], "seconds": 5}]}'


@dataclass(frozen=True)
class Asked:
    """How the demo was asked for."""

    jobs: int = 20
    as_json: bool = False
    keep: bool = False
    mode: Mode = "ec2"
    kubeconfig: Path | None = None
    seed: int = 1

    @property
    def plan(self) -> Plan:
        """The world for it."""
        return Plan(
            seed=self.seed, ui=True, levers=DEMO, modes=(self.mode,), kubeconfig=self.kubeconfig
        )


def main(asked: Asked) -> int:
    """Run the demo; the exit status is 0 only if nothing was lost, doubled or left behind."""
    screen = Screen()

    def show(world: World) -> bool:
        accounts = asyncio.run(run(world, screen, jobs=asked.jobs, seed=asked.seed))
        _report(accounts, as_json=asked.as_json)
        if asked.keep:
            _keep(world, screen)
        return accounts.clean

    return _in_world(screen, asked.plan, show)


def dev(asked: Asked) -> int:
    """Start the world of the demo and wait for webhooks, until interrupted."""
    screen = Screen()

    def show(world: World) -> bool:
        _keep(world, screen)
        return True

    return _in_world(screen, asked.plan, show)


def _in_world(screen: Screen, plan: Plan, show: Callable[[World], bool]) -> int:
    """Show something in a world, which ends with it; the logs stay if it did not go well."""
    signal.signal(signal.SIGTERM, _terminated)
    home, status = Path(tempfile.mkdtemp(prefix="runs-fleet-")), FAILED
    screen.say(_welcome(plan))
    screen.say("Starting ...")
    try:
        with World(plan, home=home) as world:
            _introduce(world, screen)
            try:
                status = 0 if show(world) else FAILED
            except KeyboardInterrupt:
                screen.say("Stopping ...")
                raise
    except KeyboardInterrupt:
        status = INTERRUPTED
        screen.say("Interrupted; everything has been stopped.")
    except SystemExit:
        status = TERMINATED
        raise
    finally:
        if status == FAILED:
            screen.say(f"That did not go well. The logs are kept in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)
    return status


def _welcome(plan: Plan) -> str:
    return GIVEN if plan.kubeconfig else f"{WELCOME} {REAL[plan.modes[0]]}"


def _terminated(*_: object) -> None:
    # Once is enough: the second must not cut the cleaning up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(TERMINATED)


def _report(accounts: Accounts, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(accounts.model_dump_json(indent=2) + "\n")
        sys.stdout.flush()
    else:
        Console().print(summary(accounts))


async def run(world: World, screen: Screen, *, jobs: int, seed: int) -> Accounts:
    """Send the burst, make its mishaps happen, wait for the end, and settle accounts."""
    watcher = await Watcher.connect(world.temporal.address)
    with screen:
        sent = await asyncio.to_thread(send, world.github, jobs, seed=seed)
        screen.note(f"{len(sent.jobs)} jobs sent to GitHub.{ODD if sent.spot else ''}")
        mishaps = asyncio.create_task(_mishaps(world, screen, sent))
        await _watched(world, watcher, screen, sent)
        await mishaps
        await _settled(world, watcher, screen, sent)
        screen.note("all is over")
    refused = {row.job_id for row in await watcher.rows() if row.state == "refused"}
    return await asyncio.to_thread(settle, world, sent.jobs, refused=refused)


def _introduce(world: World, screen: Screen) -> None:
    screen.say("")
    screen.hint = f"Temporal UI: {world.temporal.ui_url}"
    screen.say(f"Temporal UI   {world.temporal.ui_url}   (a job is a workflow: see User Metadata)")
    screen.say(f"webhooks go   {world.webhook_url}")
    screen.say(f"logs          {world.home}")
    screen.say("")


async def _mishaps(world: World, screen: Screen, sent: Sent) -> None:
    """Cancel, approve and lose what the burst has for it."""
    if sent.cancelled is None or sent.waiting is None or sent.spot is None:
        return
    github = world.github
    await asyncio.to_thread(github.cancel_job, sent.cancelled)
    screen.note(f"somebody cancels job {sent.cancelled} at GitHub")
    await asyncio.sleep(1)
    await asyncio.to_thread(github.approve, sent.waiting)
    screen.note(f"somebody approves job {sent.waiting}")
    runner = await _runner_of(world, sent.spot)
    if machine := await asyncio.to_thread(world.clouds[0].take_back, runner):
        screen.note(f"{TAKEN[world.plan.modes[0]]} {machine}, which was for job {sent.spot}")


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
    return orphans(world, world.github.books(deliveries=False)).total


def _keep(world: World, screen: Screen) -> None:
    """Stay until somebody has seen enough."""
    screen.say("\nThe world stays until Ctrl-C. Send it another job:")
    screen.say(f"  curl -d '{ANOTHER}' {world.github.root}/_admin/create_run", whole=True)
    screen.say(f"Look at it:   {world.temporal.ui_url}")
    with suppress(KeyboardInterrupt):
        signal.pause()
    screen.say("Stopping ...")
