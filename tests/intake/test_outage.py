"""Temporal goes away while GitHub delivers, and comes back: nothing lost, nothing out of order."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import Runtime

from api.app import create_app
from intake.bounded import BoundedDoor
from intake.intake import Intake
from intake.requests import Routing
from intake.spool import Spool
from intake.spooled import SpooledDoor
from runs_fleet import names
from runs_fleet.aws.clients import Clients, clients, sender
from runs_fleet.queues.sqs import SqsInbox, SqsOutbox
from simulator.temporal import TemporalServer
from tests.api.conftest import NEWEST, Hook, example
from tests.ec2.servers import bare_moto, session
from tests.intake.events import queued
from tests.lifecycles import eventually
from worker.counts import Counts
from worker.relay import Relay
from worker.spooled import SpoolDeliveries
from workflows import attributes

JOBS = range(1, 21)
STARTED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
DEAD_AFTER = 2


@dataclass
class Site:
    """An API and a worker's relay, between GitHub, SQS and Temporal."""

    hook: Hook
    temporal: TemporalServer
    client: Client
    relay: Relay
    aws: Clients
    dead_url: str
    spool_url: str

    async def history(self, job_id: int) -> list[EventType.ValueType]:
        """The kinds of events of a job's workflow, without what a worker would add."""
        handle = self.client.get_workflow_handle(names.lifecycle(job_id))
        kinds = [event.event_type async for event in handle.fetch_history_events()]
        return [kind for kind in kinds if kind in (STARTED, SIGNALED)]

    async def lists_them_all(self) -> bool:
        """Whether as many lifecycles were ever started as there are jobs."""
        return (await self.client.count_workflows()).count == len(JOBS)

    def depth(self) -> int:
        """Count what is in the spool, handed out or not."""
        shown = self.aws.sqs.get_queue_attributes(
            QueueUrl=self.spool_url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
            ],
        )
        return sum(map(int, shown["Attributes"].values()))

    async def deliver(self, name: str, job_id: int) -> int:
        """Let GitHub deliver one event; returns how it was answered."""
        return (await self.hook.send(example(name, id=job_id, runner_name=None))).status_code


@pytest.fixture(scope="module")
def aws() -> Iterator[Clients]:
    with bare_moto() as server:
        made = clients(session(), endpoint=server.url)
        yield made


def fifo(aws: Clients, name: str, *, redrive: str = "") -> str:
    url = aws.sqs.create_queue(
        QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "1"}
    )["QueueUrl"]
    aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": redrive})
    return url


@pytest_asyncio.fixture
async def site(aws: Clients, tmp_path: Path) -> AsyncIterator[Site]:
    dead = fifo(aws, f"{tmp_path.name}-dead")
    arn = aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": DEAD_AFTER}
    url = fifo(aws, tmp_path.name, redrive=json.dumps(policy))
    with TemporalServer(database=tmp_path / "temporal.db") as server:
        client = await Client.connect(server.address, data_converter=pydantic_data_converter)
        await attributes.ensure(client)
        endpoint = aws.sqs.meta.endpoint_url
        spool = Spool(SqsOutbox(sender(session(), pool=4, endpoint=endpoint), url))
        door = SpooledDoor(BoundedDoor(Intake(Routing(), client=client)), spool)
        transport = httpx.ASGITransport(create_app(door, secrets=[SecretStr(NEWEST)]))
        relay = Relay(
            "spool",
            SqsInbox(aws.sqs, url, wait=1),
            SpoolDeliveries(Intake(Routing(), client=client)),
            Counts(Runtime.default().metric_meter),
            gather=0,
            ack_after=0,
        )
        async with httpx.AsyncClient(transport=transport, base_url="http://fleet") as http:
            yield Site(Hook(http), server, client, relay, aws, dead, url)
        spool.close()


@pytest_asyncio.fixture
async def draining(site: Site) -> AsyncIterator[Site]:
    """The same, with a worker that drains the spool."""
    running = asyncio.create_task(site.relay.run())
    yield site
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_what_is_delivered_while_temporal_is_away_happens_once_and_in_order(
    draining: Site,
) -> None:
    site = draining
    site.temporal.stop()
    asked = await asyncio.gather(*(site.deliver("01-queued", job) for job in JOBS))
    again = await asyncio.gather(*(site.deliver("01-queued", job) for job in JOBS))
    ended = await asyncio.gather(*(site.deliver("03-completed-success", job) for job in JOBS))
    assert {*asked, *again, *ended} == {202}
    site.temporal.start()
    await eventually(lambda: site.depth() == 0)
    assert await asyncio.gather(*map(site.history, JOBS)) == [[STARTED, SIGNALED]] * len(JOBS)
    await eventually(site.lists_them_all)


async def test_what_begins_before_an_outage_ends_after_it(draining: Site) -> None:
    site = draining
    assert await site.deliver("01-queued", 1) == 202
    site.temporal.stop()
    assert await site.deliver("03-completed-success", 1) == 202
    assert await site.deliver("01-queued", 1) == 202
    site.temporal.start()
    await eventually(lambda: site.depth() == 0)
    began, *told = await site.history(1)
    # A call that was given up may reach Temporal after all, and tell the same again.
    assert (began, set(told)) == (STARTED, {SIGNALED})


async def test_what_cannot_be_read_ends_as_a_dead_letter(site: Site) -> None:
    outbox = SqsOutbox(site.aws.sqs, site.spool_url)
    outbox.send("not an event", group="7", key="poison")
    running = asyncio.create_task(site.relay.run())
    dead = SqsInbox(site.aws.sqs, site.dead_url, wait=0)
    letters = await eventually(dead.read)
    assert [letter.body for letter in letters] == ["not an event"]
    running.cancel()


async def test_a_job_that_waited_long_is_known_to_have(site: Site) -> None:
    job = queued(99)
    assert job.delivered_at == job.queued_at
    site.temporal.stop()
    assert await site.deliver("01-queued", 99) == 202
    site.temporal.start()
    assert await site.relay.turn() == 1
    handle = site.client.get_workflow_handle(names.lifecycle(99))
    first = await anext(handle.fetch_history_events())
    given = first.workflow_execution_started_event_attributes.input.payloads[0]
    request = json.loads(given.data)
    assert request["delivered_at"] > request["queued_at"]
