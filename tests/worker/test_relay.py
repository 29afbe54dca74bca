"""The relay: signal first, acknowledge second, and poison is left to the queue."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names, reports
from runs_fleet.errors import Unavailable
from runs_fleet.models import RunnerReport
from runs_fleet.ports import Message
from runs_fleet.providers.ec2.events import machine_event
from tests.lifecycles import Start, eventually
from worker.counts import Counts
from worker.deliveries import MachineDeliveries, ReportDeliveries
from worker.relay import Deliver, Poison, Relay

SECRET = "a secret of the whole fleet"


class MemoryInbox:
    """Hands out its messages once; `errors` come first."""

    def __init__(self, *bodies: str) -> None:
        self.waiting = deque(Message(handle=f"h-{body}", body=body) for body in bodies)
        self.errors: deque[Unavailable] = deque()
        self.acked: list[str] = []
        self._more = threading.Event()

    def read(self) -> list[Message]:
        if self.errors:
            raise self.errors.popleft()
        taken = [self.waiting.popleft() for _ in range(min(10, len(self.waiting)))]
        if not taken:
            self._more.wait(0.02)
        return taken

    def ack(self, handles: Sequence[str]) -> None:
        self.acked += handles


@pytest.fixture
def counts() -> Counts:
    return Counts(Runtime.default().metric_meter)


def relay(inbox: MemoryInbox, deliver: Deliver, counts: Counts) -> Relay:
    return Relay("reports", inbox, deliver, counts, gather=0, ack_after=0)


async def test_a_message_is_acknowledged_after_its_signal(counts: Counts) -> None:
    inbox, told = MemoryInbox("a", "b"), list[list[str]]()

    async def deliver(message: Message) -> str:
        told.append(list(inbox.acked))
        return "signalled"

    assert await relay(inbox, deliver, counts).turn() == 2
    assert told == [[], []]
    assert inbox.acked == ["h-a", "h-b"]


async def test_poison_is_left_to_the_queue(counts: Counts) -> None:
    inbox = MemoryInbox("good", "poison")

    async def deliver(message: Message) -> str:
        if message.body == "poison":
            raise Poison("cannot be read")
        return "signalled"

    await relay(inbox, deliver, counts).turn()
    assert inbox.acked == ["h-good"]


async def test_a_message_waits_while_temporal_is_away(counts: Counts) -> None:
    inbox, tries = MemoryInbox("a"), list[str]()

    async def deliver(message: Message) -> str:
        tries.append(message.body)
        if len(tries) == 1:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        return "signalled"

    await relay(inbox, deliver, counts).turn()
    assert (tries, inbox.acked) == (["a", "a"], ["h-a"])


async def test_no_message_of_a_group_overtakes_another(counts: Counts) -> None:
    inbox, told, tries = MemoryInbox(), list[str](), iter([Unavailable("Temporal is away")])
    inbox.waiting += [
        Message(handle=body, body=body, group=body[0]) for body in ("a1", "a2", "b1", "a3")
    ]

    async def deliver(message: Message) -> str:
        for error in tries if message.body == "a1" else ():
            raise error
        told.append(message.body)
        return "signalled"

    await relay(inbox, deliver, counts).turn()
    assert told == ["b1", "a1", "a2", "a3"]
    assert sorted(inbox.acked) == ["a1", "a2", "a3", "b1"]


async def test_poison_does_not_hold_up_its_group(counts: Counts) -> None:
    inbox, told = MemoryInbox(), list[str]()
    inbox.waiting += [Message(handle=body, body=body, group="a") for body in ("poison", "good")]

    async def deliver(message: Message) -> str:
        if message.body == "poison":
            raise Poison("cannot be read")
        told.append(message.body)
        return "signalled"

    await relay(inbox, deliver, counts).turn()
    assert (told, inbox.acked) == (["good"], ["good"])


async def test_a_queue_that_is_away_is_waited_for(counts: Counts) -> None:
    inbox = MemoryInbox("a")
    inbox.errors.append(Unavailable("no such host"))

    async def deliver(message: Message) -> str:
        return "signalled"

    running = asyncio.create_task(relay(inbox, deliver, counts).run())
    await eventually(lambda: inbox.acked == ["h-a"])
    running.cancel()


async def test_nothing_is_read_while_temporal_is_away(counts: Counts) -> None:
    inbox, asked = MemoryInbox("a"), list[int]()

    async def there() -> None:
        asked.append(len(inbox.waiting))
        if len(asked) == 1:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    async def deliver(message: Message) -> str:
        return "signalled"

    patient = Relay("reports", inbox, deliver, counts, gather=0, ack_after=0, there=there)
    running = asyncio.create_task(patient.run())
    await eventually(lambda: inbox.acked == ["h-a"])
    running.cancel()
    assert asked[:2] == [1, 1]


async def test_what_was_handled_is_acknowledged_before_the_end(counts: Counts) -> None:
    inbox = MemoryInbox("a")

    async def deliver(message: Message) -> str:
        return "signalled"

    patient = Relay("reports", inbox, deliver, counts, ack_after=60)
    await patient.turn()
    assert inbox.acked == []
    await patient.close()
    assert inbox.acked == ["h-a"]


def report(runner: str) -> RunnerReport:
    return RunnerReport(runner=runner, kind="ready", at=datetime.now(UTC))


def sealed(runner: str, *, secret: str = SECRET) -> Message:
    body = reports.seal(report(runner), runner_key=reports.key(secret, runner))
    return Message(handle="h", body=body)


@pytest.mark.parametrize(
    "message",
    [
        Message(handle="h", body="not json"),
        sealed(names.runner(1, 1), secret="another secret"),
        sealed("somebody-elses-runner"),
    ],
    ids=["unreadable", "forged", "foreign"],
)
async def test_a_report_that_cannot_be_trusted_is_poison(
    temporal: Client, message: Message
) -> None:
    with pytest.raises(Poison):
        await ReportDeliveries(temporal, secret=SECRET)(message)


async def test_a_report_for_a_job_that_is_over_is_unknown(temporal: Client) -> None:
    deliver = ReportDeliveries(temporal, secret=SECRET)
    assert await deliver(sealed(names.runner(404_404, 1))) == "unknown"


async def test_a_report_and_a_machines_end_reach_the_lifecycle(
    temporal: Client,
    start: Start,
) -> None:
    job = await start()
    machine_id = await job.boots()
    told = ReportDeliveries(temporal, secret=SECRET)
    assert await told(sealed(job.runner())) == "signalled"
    event = (
        '{"detail-type": "EC2 Instance State-change Notification", "time": "2026-01-01T00:00:00Z",'
        f' "detail": {{"instance-id": "{machine_id}", "state": "terminated"}}}}'
    )
    deliver = MachineDeliveries(temporal, machine_event)

    async def signalled() -> bool:
        return await deliver(Message(handle="h", body=event)) == "signalled"

    # The list of workflows is a moment behind.
    await eventually(signalled)
    await job.runs_to_its_end(2)
    outcome = await job.outcome()
    assert outcome.attempts[0].cause == "terminated"
