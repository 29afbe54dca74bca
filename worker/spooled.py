"""Hands over the events that the API could not: out of the spool, the way any event goes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from intake import letters
from intake.door import Door
from intake.letters import Unreadable
from runs_fleet.errors import Refused
from runs_fleet.github.events import JobQueued
from runs_fleet.ports import Message
from worker.relay import Poison


def _now() -> datetime:
    return datetime.now(UTC)


class SpoolDeliveries:
    """Brings spooled events to lifecycles.

    A queued job counts as delivered when it leaves the spool: its lifecycle asks GitHub first
    what has become of a job that was delivered long after it was queued.
    """

    def __init__(self, door: Door, *, clock: Callable[[], datetime] = _now) -> None:
        self._door, self._clock = door, clock

    async def __call__(self, message: Message) -> str:
        """Hand one event over. Raises Poison, or Unavailable while Temporal is away."""
        try:
            event = letters.opened(message.body)
            if isinstance(event, JobQueued):
                ack = await self._door.queued(replace(event, delivered_at=self._clock()))
            else:
                ack = await self._door.moved(event)
        except (Unreadable, Refused) as error:
            raise Poison(str(error)) from error
        return ack.result
