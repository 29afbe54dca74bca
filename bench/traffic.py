"""Sends jobs to a world and reads from its books what became of each; times in milliseconds."""

import asyncio
import time
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from runs_fleet import names
from simulator.accounts import Orphans, orphans
from simulator.burst import SHAPES
from simulator.github.books import DeliveryRecord
from simulator.github.plans import JobPlan, RunPlan
from simulator.watching import Watcher
from simulator.world import GENEROUS, World

LOOK = 0.25
# A burst arrives at once: GitHub's own limit must not smooth it.
AT_ONCE = GENEROUS.model_copy(update={"hook_connections": 1000})


class Samples(BaseModel):
    """`ack` and `fleet` are from each job's own webhook, `since_first` from the burst's first."""

    ack: list[float]
    fleet: list[float]
    since_first: list[float]
    failed: int = 0


def send(world: World, count: int, *, seconds: float = 1.0) -> list[int]:
    """Send jobs at once, as a matrix of one run."""
    shape = [SHAPES[number % len(SHAPES)] for number in range(count)]
    jobs = tuple(
        JobPlan(name=f"test ({number})", labels=(label,), seconds=seconds)
        for number, label in enumerate(shape, start=1)
    )
    return list(world.github.create_run(RunPlan(jobs=jobs)).jobs)


def send_at(world: World, rate: float, count: int, *, seconds: float = 1.0) -> list[int]:
    """Send jobs one by one at a rate, whatever becomes of those before."""
    sent, began = list[int](), time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        sent += send(world, 1, seconds=seconds)
    return sent


def until(lacking: Callable[[], object], *, patience: float) -> None:
    """Wait until nothing is lacking. Raises TimeoutError, which names what is."""
    deadline = time.monotonic() + patience
    while lack := lacking():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {patience:g} s there is still {lack!r}")
        time.sleep(LOOK)


def ordered(world: World, jobs: Sequence[int], *, patience: float = 120) -> None:
    """Wait until a machine was asked for on behalf of every job, and GitHub knows all answers."""
    until(lambda: set(jobs) - first_orders(world).keys(), patience=patience)
    until(lambda: pending(world), patience=patience)


def registered(world: World, jobs: Sequence[int], *, patience: float = 120) -> None:
    """Wait until a runner was registered for every job."""
    until(lambda: set(jobs) - _registered(world), patience=patience)


def pending(world: World) -> int:
    """Count webhooks without an answer."""
    return world.github.progress().deliveries_pending


def first_orders(world: World) -> dict[int, float]:
    """Tell when the first CreateFleet of each job arrived, in Unix time."""
    found: dict[int, float] = {}
    for call in world.aws.books().fleets:
        for owner in filter(None, map(names.owner, call.runners)):
            found.setdefault(owner[0], call.arrived)
    return found


def samples(world: World, jobs: Sequence[int]) -> Samples:
    """Read the books."""
    arrived, webhooks = first_orders(world), first_webhooks(world)
    sent = {job: sent_at(webhooks[job]) for job in jobs}
    first = min(sent.values())
    return Samples(
        ack=[latency(webhooks[job]) for job in jobs],
        fleet=[(arrived[job] - sent[job]) * 1000 for job in jobs],
        since_first=[(arrived[job] - first) * 1000 for job in jobs],
        failed=sum(webhooks[job].status != "OK" for job in jobs),
    )


def first_webhooks(world: World) -> dict[int, DeliveryRecord]:
    """Find the webhook by which each job came."""
    deliveries = world.github.books().deliveries
    return {hook.job_id: hook for hook in deliveries if hook.job_id is not None and _first(hook)}


def sent_at(hook: DeliveryRecord) -> float:
    """Tell when a webhook left GitHub, in Unix time."""
    assert hook.sent_at is not None, "the webhook never left"
    return hook.sent_at.timestamp()


def latency(hook: DeliveryRecord) -> float:
    """Tell how long the answer took, in milliseconds."""
    assert hook.answered_at is not None, "the webhook was not answered"
    return (hook.answered_at.timestamp() - sent_at(hook)) * 1000


def cancel(world: World, jobs: Sequence[int], *, patience: float = 180) -> None:
    """Cancel jobs, and wait until nothing is left of them."""
    for job in jobs:
        world.github.cancel_job(job)
    released(world, patience=patience)


def done(world: World, jobs: Sequence[int], *, patience: float = 180) -> None:
    """Wait until GitHub has concluded jobs, and nothing is left of them."""
    until(lambda: set(jobs) & _unfinished(world), patience=patience)
    released(world, patience=patience)


def released(world: World, *, patience: float = 180) -> None:
    """Wait until every lifecycle is over and no machine, registration or parameter is left."""
    until(lambda: left(world), patience=patience)
    until(lambda: open_lifecycles(world), patience=patience)


def left(world: World) -> Orphans | None:
    """Count what still exists, if anything does."""
    found = orphans(world, world.github.books(deliveries=False))
    return found if found.total else None


def open_lifecycles(world: World) -> int:
    """Count the lifecycles that are not over."""

    async def count() -> int:
        return await (await Watcher.connect(world.temporal.address)).open_count()

    return asyncio.run(count())


def _unfinished(world: World) -> set[int]:
    return {job.id for job in world.github.books(deliveries=False).unfinished}


def _registered(world: World) -> set[int]:
    owners = (names.owner(each.name) for each in world.github.books(deliveries=False).runners)
    return {owner[0] for owner in owners if owner is not None}


def _first(hook: DeliveryRecord) -> bool:
    return hook.action == "queued" and not hook.redelivery
