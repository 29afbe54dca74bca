"""The way into the spool: many at a time, and never waited for too long."""

import asyncio
from collections.abc import Iterator

import pytest

from intake.spool import Spool
from runs_fleet.errors import RateLimited, Unavailable
from runs_fleet.ports import Letter
from tests.intake.clock import Clock
from tests.intake.outbox import MemoryOutbox


@pytest.fixture
def outbox() -> Iterator[MemoryOutbox]:
    memory = MemoryOutbox()
    yield memory
    memory.gate.set()


@pytest.fixture
def spool(outbox: MemoryOutbox) -> Iterator[Spool]:
    made = Spool(outbox, limit=5, senders=1)
    yield made
    made.close()


def letter(number: int = 1) -> Letter:
    return Letter(body=f"body {number}", group=f"g{number}", key=f"k{number}")


async def test_what_comes_at_once_is_sent_together(spool: Spool, outbox: MemoryOutbox) -> None:
    await asyncio.gather(*(spool.put(letter(number)) for number in range(25)))
    assert [len(batch) for batch in outbox.batches] == [10, 10, 5]
    assert outbox.letters == [letter(number) for number in range(25)]
    assert spool.fault == ""


async def test_a_queue_that_is_away_is_unavailable(spool: Spool, outbox: MemoryOutbox) -> None:
    outbox.error = RateLimited("throttled", after=3)
    with pytest.raises(Unavailable, match="throttled"):
        await spool.put(letter())
    assert spool.fault == "throttled"
    outbox.error = None
    await spool.put(letter())
    assert spool.fault == ""


async def test_only_what_the_queue_did_not_take_fails(spool: Spool, outbox: MemoryOutbox) -> None:
    outbox.refused = {"k2"}
    put = [spool.put(letter(number)) for number in (1, 2, 3)]
    ended = await asyncio.gather(*put, return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in ended] == [False, True, False]


async def test_a_queue_that_does_not_answer_is_not_waited_for(outbox: MemoryOutbox) -> None:
    spool = Spool(outbox, limit=0.05, senders=1)
    outbox.gate.clear()
    put = [spool.put(letter(number)) for number in range(12)]
    ended = await asyncio.gather(*put, return_exceptions=True)
    assert {str(one) for one in ended} == {"spool: not sent within 0.05 seconds"}
    outbox.gate.set()
    patient = asyncio.create_task(spool.put(letter(99)))
    await asyncio.wait_for(patient, 5)
    # Nobody waited any more for those that were not under way.
    assert outbox.letters == [*(letter(number) for number in range(10)), letter(99)]


async def test_a_fault_is_forgotten_after_a_while(outbox: MemoryOutbox) -> None:
    clock = Clock()
    spool = Spool(outbox, clock=clock)
    outbox.error = Unavailable("no such host")
    with pytest.raises(Unavailable):
        await spool.put(letter())
    clock.now = 29
    assert spool.fault == "no such host"
    clock.now = 30
    assert spool.fault == ""
