"""A door through which only so many go at a time."""

import asyncio
from contextlib import suppress

import pytest

from intake.bounded import BoundedDoor
from intake.door import Ack
from runs_fleet.errors import Unavailable
from runs_fleet.github.events import JobMoved, JobQueued
from tests.intake.doors import ScriptedDoor
from tests.intake.events import moved, queued
from tests.lifecycles import eventually


class SlowDoor(ScriptedDoor):
    """Lets nobody through before `gate` is open; `inside` counts who has come so far."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.inside = 0

    async def queued(self, job: JobQueued) -> Ack:
        self.inside += 1
        await self.gate.wait()
        return await super().queued(job)

    async def moved(self, moved: JobMoved) -> Ack:
        self.inside += 1
        await self.gate.wait()
        return await super().moved(moved)


async def test_only_so_many_go_at_a_time_and_all_go_in_the_end() -> None:
    slow = SlowDoor()
    door = BoundedDoor(slow, most=3)
    calls = [asyncio.create_task(door.queued(queued(number))) for number in range(10)]
    await eventually(lambda: slow.inside == 3)
    await door.ready()
    assert slow.inside == 3
    slow.gate.set()
    await asyncio.gather(*calls)
    assert [job.job_id for job in slow.jobs] == list(range(10))


async def test_a_call_that_has_begun_outlives_its_caller_and_keeps_its_place() -> None:
    slow = SlowDoor()
    door = BoundedDoor(slow, most=1)
    gone = asyncio.create_task(door.queued(queued(1)))
    await eventually(lambda: slow.inside == 1)
    waiting = asyncio.create_task(door.queued(queued(2)))
    gone.cancel()
    with suppress(asyncio.CancelledError):
        await gone
    assert slow.inside == 1
    slow.gate.set()
    await waiting
    assert [job.job_id for job in slow.jobs] == [1, 2]


async def test_a_call_that_has_not_begun_goes_with_its_caller() -> None:
    slow = SlowDoor()
    door = BoundedDoor(slow, most=1)
    first = asyncio.create_task(door.moved(moved(1)))
    await eventually(lambda: slow.inside == 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(door.moved(moved(2)), 0.01)
    slow.gate.set()
    await first
    await door.moved(moved(3))
    assert [one.event.job_id for one in slow.moves] == [1, 3]


async def test_an_error_frees_the_place() -> None:
    scripted = ScriptedDoor()
    door = BoundedDoor(scripted, most=1)
    scripted.error = Unavailable("away")
    with pytest.raises(Unavailable):
        await door.queued(queued(1))
    scripted.error = None
    assert (await door.queued(queued(2))).result == "started"
