"""What a watch sees gets to the lifecycle it is about, and to nobody whom it does not concern."""

import asyncio
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any, Literal

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import (
    Client,
    Interceptor,
    OutboundInterceptor,
    SignalWorkflowInput,
    WorkflowExecutionStatus,
)
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.models import MachineEvent
from runs_fleet.ports import MachineNews
from tests.fakes import MemoryConfigs
from tests.lifecycles import Job, Start, eventually
from worker.counts import Counts
from worker.watching import Watching

Kind = Literal["interruption", "gone", "stalled"]
NOBODY = names.runner(1, 1)


class MemoryWatch:
    """Tells its news once; `broken` breaks it, without `may_read` a read takes long."""

    def __init__(self) -> None:
        self.news = deque[MachineNews]()
        self.broken: Exception | None = None
        self.closed, self.reading, self.may_read = (threading.Event() for _ in range(3))
        self.may_read.set()

    def read(self) -> list[MachineNews]:
        if self.broken is not None:
            raise self.broken
        self.reading.set()
        assert self.may_read.wait(60), "the test has forgotten about it"
        told = list(self.news)
        self.news.clear()
        self.closed.wait(0 if told else 0.02)
        return told

    def close(self) -> None:
        self.closed.set()


class Book(Counts):
    """Keeps what was counted."""

    def __init__(self) -> None:
        super().__init__(Runtime.default().metric_meter)
        self.results = list[tuple[str, str]]()

    def machine(self, cause: str, result: str) -> None:
        super().machine(cause, result)
        self.results.append((cause, result))


class Party:
    """A worker that watches."""

    def __init__(self, temporal: Client) -> None:
        self.watch, self.counts = MemoryWatch(), Book()
        self.watching = Watching(temporal, self.watch, self.counts)

    def sees(
        self, kind: Kind, cause: str, *, runner: str, machine: str = "", routine: bool = False
    ) -> None:
        event = MachineEvent(
            machine_id=machine or runner,
            runner=runner,
            kind=kind,
            cause=cause,
            at=datetime.now(UTC),
        )
        self.watch.news.append(MachineNews(event, routine=routine))


@pytest.fixture
def party(temporal: Client) -> Party:
    return Party(temporal)


async def told(job: Job) -> int:
    """Count what the lifecycle was told of machines."""
    history = await job.handle.fetch_history()
    signals = [each for each in history.events if each.event_type == SIGNALED]
    named = [each.workflow_execution_signaled_event_attributes.signal_name for each in signals]
    return named.count("machine_event")


SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED


async def test_trouble_gets_to_the_lifecycle_of_the_runner(party: Party, start: Start) -> None:
    job = await start()
    machine = await job.boots()
    party.sees("gone", "OOMKilled", runner=job.runner(), machine=machine)
    assert await party.watching.turn() == 1
    assert party.counts.results == [("OOMKilled", "signalled")]
    await job.runs_to_its_end(attempt=2)
    assert (await job.outcome()).attempts[0].cause == "OOMKilled"


async def test_what_concerns_nobody_is_counted(party: Party) -> None:
    party.sees("gone", "Evicted", runner=NOBODY)
    party.sees("gone", "Evicted", runner="somebody-elses")
    await party.watching.turn()
    assert sorted(party.counts.results) == [("Evicted", "ignored"), ("Evicted", "unknown")]


async def test_a_routine_end_is_news_to_a_lifecycle_that_counts_on_the_machine(
    party: Party, start: Start, temporal: Client
) -> None:
    job = await start()
    machine = await job.boots()
    await shown(temporal, machine)
    party.sees("gone", "Deleted", runner=job.runner(), machine=machine, routine=True)
    assert await party.watching.turn() == 1
    await job.runs_to_its_end(attempt=2)
    assert (await job.outcome()).attempts[0].cause == "Deleted"


async def test_a_routine_end_is_no_news_once_its_job_is_over(
    party: Party, start: Start, temporal: Client, configs: MemoryConfigs
) -> None:
    job = await start()
    machine = await eventually(lambda: configs.of(job.runner()))
    await job.runs_to_its_end()
    await job.outcome()
    await eventually(lambda: closed(temporal, job))
    party.sees("gone", "Completed", runner=job.runner(), machine=machine, routine=True)
    assert await party.watching.turn() == 0
    assert party.counts.results == [("Completed", "ignored")]
    assert await told(job) == 0


async def test_a_routine_end_is_no_news_to_a_lifecycle_with_another_machine(
    party: Party, start: Start, temporal: Client, configs: MemoryConfigs
) -> None:
    job = await start()
    machine = await job.boots()
    party.sees("gone", "Evicted", runner=job.runner(), machine=machine)
    await party.watching.turn()
    await shown(temporal, await eventually(lambda: configs.of(job.runner(2))))
    party.sees("gone", "Deleted", runner=job.runner(), machine=machine, routine=True)
    assert await party.watching.turn() == 0
    await job.runs_to_its_end(attempt=2)
    await job.outcome()


async def test_many_routine_ends_are_asked_about_together(party: Party) -> None:
    runners = [names.runner(number, 1) for number in range(1, 121)]
    for runner in runners:
        party.sees("gone", "Completed", runner=runner, routine=True)
    assert await party.watching.turn() == 0
    assert party.counts.results == [("Completed", "ignored")] * len(runners)


async def test_a_name_that_is_no_name_is_not_asked_about(party: Party) -> None:
    party.sees("gone", "Completed", runner=NOBODY, machine='" OR ""="', routine=True)
    assert await party.watching.turn() == 0


async def test_nothing_is_lost_while_temporal_is_away(temporal: Client, start: Start) -> None:
    moody = Moody(fails=2)
    party, job = Party(Client(**with_interceptor(temporal, moody))), await start()
    machine = await job.boots()
    party.sees("gone", "Evicted", runner=job.runner(), machine=machine)
    await party.watching.turn()
    assert (moody.fails, party.counts.results) == (0, [("Evicted", "signalled")])
    await job.runs_to_its_end(attempt=2)
    await job.outcome()


async def test_it_reads_on_until_it_is_ended(party: Party) -> None:
    running = asyncio.create_task(party.watching.run())
    party.sees("gone", "Evicted", runner=NOBODY)
    await eventually(lambda: len(party.counts.results) == 1)
    party.sees("gone", "OOMKilled", runner=NOBODY)
    await eventually(lambda: len(party.counts.results) == 2)
    running.cancel()
    await party.watching.close()
    assert party.watch.closed.is_set()


async def test_what_was_being_read_is_told_before_the_end(party: Party) -> None:
    party.watch.may_read.clear()
    running = asyncio.create_task(party.watching.run())
    await eventually(party.watch.reading.is_set)
    running.cancel()
    party.sees("gone", "Evicted", runner=NOBODY)
    closing = asyncio.create_task(party.watching.close())
    party.watch.may_read.set()
    await closing
    assert party.counts.results == [("Evicted", "unknown")]


async def test_a_watch_that_breaks_breaks_the_worker(party: Party) -> None:
    party.watch.broken = RuntimeError("a mistake of ours")
    with pytest.raises(RuntimeError, match="a mistake"):
        await party.watching.run()


class Moody(Interceptor):
    """Lets the first signals fail as if Temporal were away."""

    def __init__(self, fails: int) -> None:
        self.fails = fails

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _Moody(next, self)


class _Moody(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, mood: Moody) -> None:
        super().__init__(next)
        self._mood = mood

    async def signal_workflow(self, input: SignalWorkflowInput) -> None:
        if self._mood.fails:
            self._mood.fails -= 1
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
        await super().signal_workflow(input)


def with_interceptor(temporal: Client, interceptor: Interceptor) -> dict[str, Any]:
    return {**temporal.config(), "interceptors": [interceptor]}


async def shown(temporal: Client, machine: str) -> None:
    """Wait until the search knows whose machine it is."""

    async def known() -> bool:
        query = f'MachineId="{machine}" AND ExecutionStatus="Running"'
        return [each async for each in temporal.list_workflows(query)] != []

    await eventually(known)


async def closed(temporal: Client, job: Job) -> bool:
    query = f'WorkflowId="{job.handle.id}"'
    found = [each async for each in temporal.list_workflows(query)]
    return [each.status for each in found] == [WorkflowExecutionStatus.COMPLETED]
