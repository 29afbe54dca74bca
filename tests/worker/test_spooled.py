"""What the worker does with spooled events."""

from datetime import UTC, datetime, timedelta

import pytest

from intake import letters
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.ports import Message
from tests.intake.doors import ScriptedDoor
from tests.intake.events import NOON, moved, queued
from worker.relay import Poison
from worker.spooled import SpoolDeliveries

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def door() -> ScriptedDoor:
    return ScriptedDoor()


@pytest.fixture
def deliver(door: ScriptedDoor) -> SpoolDeliveries:
    return SpoolDeliveries(door, clock=lambda: LATER)


def message(event: letters.Event) -> Message:
    return Message(handle="h", body=letters.sealed(event).body)


async def test_a_job_counts_as_delivered_when_it_leaves_the_spool(
    deliver: SpoolDeliveries, door: ScriptedDoor
) -> None:
    assert await deliver(message(queued())) == "started"
    assert [job.delivered_at for job in door.jobs] == [LATER]
    assert [job.queued_at for job in door.jobs] == [NOON]


async def test_a_job_that_moved_on_is_told(deliver: SpoolDeliveries, door: ScriptedDoor) -> None:
    assert await deliver(message(moved())) == "signalled"
    assert door.moves == [moved()]


async def test_what_cannot_be_read_is_poison(deliver: SpoolDeliveries) -> None:
    with pytest.raises(Poison):
        await deliver(Message(handle="h", body="not json"))


async def test_what_temporal_can_never_take_is_poison(
    deliver: SpoolDeliveries, door: ScriptedDoor
) -> None:
    door.error = Refused("Temporal answered INVALID_ARGUMENT: too large")
    with pytest.raises(Poison, match="too large"):
        await deliver(message(queued()))


async def test_temporal_away_is_told_to_the_relay(
    deliver: SpoolDeliveries, door: ScriptedDoor
) -> None:
    door.error = Unavailable("Temporal answered UNAVAILABLE: connection refused")
    with pytest.raises(Unavailable):
        await deliver(message(queued()))


async def test_by_itself_it_knows_what_time_it_is(door: ScriptedDoor) -> None:
    began = datetime.now(UTC)
    await SpoolDeliveries(door)(message(queued()))
    assert began <= door.jobs[0].delivered_at <= datetime.now(UTC)
