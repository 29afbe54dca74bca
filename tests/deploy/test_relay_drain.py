"""A relay that is told to end while it reads: what the queue hands out is still delivered."""

import asyncio
import threading
from collections.abc import Sequence

from temporalio.runtime import Runtime

from runs_fleet.ports import Message
from tests.lifecycles import eventually
from worker.counts import Counts
from worker.relay import Relay


class HeldInbox:
    """A long poll that is answered when the test says so."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Event(), threading.Event()
        self.reads = 0
        self.acked: list[str] = []

    def read(self) -> list[Message]:
        self.reads += 1
        self.asked.set()
        assert self.may.wait(20), "the test never let the poll end"
        return [Message(handle="h", body="ready")]

    def ack(self, handles: Sequence[str]) -> None:
        self.acked += handles


async def test_what_a_last_read_brings_is_delivered_and_nothing_more_is_read() -> None:
    inbox, told = HeldInbox(), list[str]()

    async def deliver(message: Message) -> str:
        told.append(message.body)
        return "signalled"

    relay = Relay("reports", inbox, deliver, Counts(Runtime.default().metric_meter))
    running = asyncio.create_task(relay.run())
    await eventually(inbox.asked.is_set)
    running.cancel()
    await eventually(running.done)
    inbox.may.set()
    await relay.close()
    assert (told, inbox.acked, inbox.reads) == (["ready"], ["h"], 1)
