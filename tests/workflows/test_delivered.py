"""A signal to another workflow and an operator's Cancel at the same moment: neither is lost."""

import asyncio
from itertools import count

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.lifecycles import eventually
from workflows.answers import delivered

_numbers = count(1)


@workflow.defn
class Sender:
    """Sends something that takes as long as somebody likes, and does something else after it."""

    def __init__(self) -> None:
        self._let = ""
        self._story: list[str] = []

    @workflow.run
    async def run(self) -> None:
        try:
            await delivered(self._way(), self._heard, guarded=True)
            self._story.append("went on")
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self._story.append("cancelled")

    @workflow.signal
    def let(self, how: str) -> None:
        self._let = how

    @workflow.query
    def story(self) -> list[str]:
        return self._story

    async def _way(self) -> None:
        self._story.append("sending")
        await workflow.wait_condition(lambda: bool(self._let))
        if self._let == "refused":
            raise ApplicationError("not there")

    def _heard(self, arrived: bool) -> None:
        self._story.append("arrived" if arrived else "nobody there")


@pytest.mark.parametrize(("how", "heard"), [("through", "arrived"), ("refused", "nobody there")])
async def test_a_cancel_on_the_way_comes_after_the_signal(
    temporal: Client, how: str, heard: str
) -> None:
    queue = f"delivered-{next(_numbers)}"
    runner = UnsandboxedWorkflowRunner()
    async with Worker(temporal, task_queue=queue, workflows=[Sender], workflow_runner=runner):
        handle = await temporal.start_workflow(Sender.run, id=queue, task_queue=queue)

        async def told(*story: str) -> bool:
            return await handle.query(Sender.story) == list(story)

        await eventually(lambda: told("sending"))
        await handle.cancel()
        assert await told("sending"), "the Cancel waits for the signal"
        await handle.signal(Sender.let, how)
        await eventually(lambda: told("sending", heard, "cancelled"))
        await handle.result()


async def test_without_a_cancel_it_goes_on(temporal: Client) -> None:
    queue = f"delivered-{next(_numbers)}"
    runner = UnsandboxedWorkflowRunner()
    async with Worker(temporal, task_queue=queue, workflows=[Sender], workflow_runner=runner):
        handle = await temporal.start_workflow(Sender.run, id=queue, task_queue=queue)
        await handle.signal(Sender.let, "through")

        async def on() -> bool:
            return await handle.query(Sender.story) == ["sending", "arrived", "went on"]

        await eventually(on)
        await handle.terminate()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
