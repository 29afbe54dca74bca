"""A worker drops from memory what it remembers of lifecycles, in the middle of anything.

Their coroutines are closed then, which may not wait for anything, nor be told of an answer.
"""

import asyncio

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from runs_fleet.decisions import Create
from runs_fleet.models import JobRequest, Machine, Market, Rung
from tests.lifecycles import JOB_IDS, request
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle


@workflow.defn
class Dropping:
    """Closes a lifecycle that waits for a create or a release, and tells what it says to that."""

    @workflow.run
    async def run(self, asked: JobRequest, what: str) -> str:
        """Go on until the call is out, and no further."""
        lifecycle = RunnerLifecycle(asked)
        runner = lifecycle._ledger.next_runner(workflow.now())
        runner.machine = Machine(machine_id="i-1") if what == "release" else None
        rung = Rung(market=Market.SPOT)
        waiting = {
            "create": lambda: lifecycle._create(Create(rung, fresh=False)),
            "release": lambda: lifecycle._release(runner, force=False),
        }[what]()
        waiting.send(None)
        try:
            waiting.close()
        except (RuntimeError, asyncio.InvalidStateError) as error:
            return str(error)
        return ""


@pytest.mark.parametrize("what", ["create", "release"])
async def test_a_lifecycle_that_is_dropped_goes_without_a_word(temporal: Client, what: str) -> None:
    name, asked = f"dropped-{next(JOB_IDS)}", request()
    async with Worker(temporal, task_queue=name, workflows=[Dropping]):
        said = await temporal.execute_workflow(
            Dropping.run,
            args=[asked, what],
            id=name,
            task_queue=name,
            search_attributes=attributes.at_start(asked),
        )
    assert said == ""
