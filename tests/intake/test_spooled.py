"""A door that stays open while Temporal is away, and keeps the order of each job."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from intake.bounded import BoundedDoor
from intake.breaker import Breaker
from intake.spool import Spool
from intake.spooled import MOST_TRYING, SpooledDoor
from runs_fleet.errors import Refused, Unavailable
from tests.intake.clock import Clock
from tests.intake.doors import ScriptedDoor
from tests.intake.events import moved, queued
from tests.intake.outbox import MemoryOutbox
from tests.lifecycles import eventually

AWAY = Unavailable("Temporal answered UNAVAILABLE: connection refused")


@dataclass
class Gate:
    """A spooled door, and what is on both sides of it."""

    temporal: ScriptedDoor = field(default_factory=ScriptedDoor)
    outbox: MemoryOutbox = field(default_factory=MemoryOutbox)
    clock: Clock = field(default_factory=Clock)
    reasons: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.breaker = Breaker(failures=3, pause=5, clock=self.clock)
        self.spool = Spool(self.outbox, limit=0.5)
        self.door = self.behind(patience=0.05)

    def behind(self, *, patience: float) -> SpooledDoor:
        """Make the door anew."""
        return SpooledDoor(
            BoundedDoor(self.temporal, most=2),
            self.spool,
            patience=patience,
            breaker=self.breaker,
            on_spooled=lambda reason: self.reasons.update([reason]),
        )

    def spooled(self) -> list[str]:
        """Tell what is in the spool, by key."""
        return [letter.key for letter in self.outbox.letters]


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.outbox.gate.set()
    made.spool.close()


async def test_while_temporal_answers_nothing_is_spooled(gate: Gate) -> None:
    assert (await gate.door.queued(queued())).result == "started"
    assert (await gate.door.moved(moved())).result == "signalled"
    assert gate.spooled() == []


async def test_what_temporal_cannot_take_is_spooled(gate: Gate) -> None:
    gate.temporal.error = AWAY
    ack = await gate.door.queued(queued())
    assert (ack.result, ack.job) == ("spooled", 7)
    assert gate.spooled() == ["7:queued"]
    assert gate.reasons == {"unavailable": 1}


async def test_what_temporal_does_not_take_in_time_is_spooled(gate: Gate) -> None:
    gate.temporal.shut = True
    assert (await gate.door.moved(moved())).result == "spooled"
    assert gate.reasons == {"slow": 1}


async def test_what_temporal_refuses_is_not_spooled(gate: Gate) -> None:
    gate.temporal.error = Refused("Temporal answered INVALID_ARGUMENT: too large")
    with pytest.raises(Refused):
        await gate.door.queued(queued())
    assert gate.spooled() == []


async def test_later_events_of_a_spooled_job_follow_it(gate: Gate) -> None:
    gate.temporal.error = AWAY
    await gate.door.queued(queued(1))
    gate.temporal.error = None
    assert (await gate.door.moved(moved(1, "in_progress"))).result == "spooled"
    assert (await gate.door.moved(moved(1, "completed"))).result == "spooled"
    assert (await gate.door.queued(queued(2))).result == "started"
    assert gate.spooled() == ["1:queued", "1:in_progress", "1:completed"]
    assert gate.reasons["order"] == 2


async def test_an_event_does_not_overtake_one_that_is_being_tried(gate: Gate) -> None:
    gate.temporal.shut = True
    door = gate.behind(patience=0.2)
    first = asyncio.create_task(door.queued(queued()))
    await eventually(lambda: gate.temporal.waiting == 1)
    gate.temporal.shut = False
    second = asyncio.create_task(door.moved(moved()))
    assert [ack.result for ack in await asyncio.gather(first, second)] == ["spooled", "spooled"]
    assert gate.spooled() == ["7:queued", "7:completed"]


async def test_news_that_nobody_knows_follows_what_a_sibling_may_have_spooled(gate: Gate) -> None:
    gate.temporal.unknown = True
    assert (await gate.door.moved(moved(1))).result == "unknown"
    gate.temporal.error = AWAY
    await gate.door.queued(queued(2))
    gate.temporal.error = None
    assert (await gate.door.moved(moved(1))).result == "spooled"
    assert (await gate.door.moved(moved(3, ours=False))).result == "unknown"
    assert gate.spooled() == ["2:queued", "1:completed"]


async def test_when_both_are_away_it_is_unavailable(gate: Gate) -> None:
    gate.temporal.error = AWAY
    gate.outbox.error = Unavailable("no such host")
    with pytest.raises(Unavailable, match="connection refused"):
        await gate.door.queued(queued())


async def test_without_the_spool_temporal_is_waited_for(gate: Gate) -> None:
    gate.temporal.shut = True
    gate.outbox.error = Unavailable("no such host")
    trying = asyncio.create_task(gate.door.queued(queued()))
    await eventually(lambda: gate.spool.fault)
    gate.temporal.open()
    assert (await trying).result == "started"


async def test_an_event_too_large_for_the_spool_waits_for_temporal(gate: Gate) -> None:
    gate.temporal.error = AWAY
    with pytest.raises(Unavailable):
        await gate.door.queued(queued(labels=("x" * 100_000,)))
    assert gate.spooled() == []


async def test_repeats_at_the_same_moment_are_all_taken(gate: Gate) -> None:
    gate.temporal.error = AWAY
    acks = await asyncio.gather(*(gate.door.queued(queued()) for _ in range(10)))
    assert {ack.result for ack in acks} == {"spooled"}
    assert set(gate.spooled()) == {"7:queued"}


async def away(gate: Gate) -> None:
    """Let the door find out that Temporal is away."""
    gate.temporal.error = AWAY
    await asyncio.gather(*(gate.door.queued(queued(number)) for number in range(3)))
    assert gate.breaker.is_open


async def test_a_temporal_that_is_away_is_not_asked_each_time(gate: Gate) -> None:
    await away(gate)
    gate.temporal.error = None
    assert (await gate.door.queued(queued(10))).result == "spooled"
    assert gate.temporal.jobs == []
    assert gate.reasons == {"unavailable": 3, "away": 1}


async def test_a_look_in_the_background_finds_temporal_back(gate: Gate) -> None:
    await away(gate)
    gate.clock.now = 5
    await gate.door.queued(queued(10))
    assert gate.breaker.is_open
    gate.temporal.error = None
    gate.clock.now = 10
    await gate.door.queued(queued(11))
    await eventually(lambda: not gate.breaker.is_open)
    assert (await gate.door.queued(queued(12))).result == "started"


async def test_ready_finds_temporal_back_as_well(gate: Gate) -> None:
    await away(gate)
    await gate.door.ready()
    assert gate.breaker.is_open
    gate.temporal.error = None
    await gate.door.ready()
    assert not gate.breaker.is_open


async def test_it_is_ready_unless_both_are_away(gate: Gate) -> None:
    gate.outbox.error = Unavailable("no such host")
    gate.temporal.error = AWAY
    await gate.door.ready()
    with pytest.raises(Unavailable):
        await gate.door.queued(queued())
    with pytest.raises(Unavailable, match="connection refused; spool: no such host"):
        await gate.door.ready()


async def test_while_both_are_away_temporal_is_asked_whatever_was_found(gate: Gate) -> None:
    await away(gate)
    gate.outbox.error = Unavailable("no such host")
    gate.temporal.error = None
    assert (await gate.door.queued(queued(10))).result == "started"


async def test_a_crowd_does_not_wait_out_its_patience(gate: Gate) -> None:
    gate.temporal.shut = True
    door = gate.behind(patience=60)
    crowd = [asyncio.create_task(door.queued(queued(n))) for n in range(MOST_TRYING)]
    late = await asyncio.gather(*(door.queued(queued(1000 + n)) for n in range(20)))
    assert {ack.result for ack in late} == {"spooled"}
    assert gate.reasons == {"crowded": 20}
    gate.temporal.open()
    assert {ack.result for ack in await asyncio.gather(*crowd)} == {"started"}
