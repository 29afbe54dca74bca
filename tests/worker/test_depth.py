"""The queue's depth is shown as the search has it, and nobody waits for it."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from tests.lifecycles import eventually, request
from worker.depth import STATES, QueueDepth
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle


@dataclass
class Searched:
    """A search that finds what it is told to, or does not answer."""

    found: dict[str, int] = field(default_factory=dict)
    away: bool = False

    async def count_workflows(self, query: str, *, rpc_timeout: timedelta) -> SimpleNamespace:
        assert rpc_timeout < timedelta(minutes=1)
        if self.away:
            raise RPCError("no store", RPCStatusCode.UNAVAILABLE, b"")
        counts = [count for state, count in self.found.items() if f'"{state}"' in query]
        return SimpleNamespace(count=sum(counts))


def depth(search: Searched | Client) -> tuple[QueueDepth, dict[str, int]]:
    shown = dict[str, int]()
    return QueueDepth(search, "k8s", shown.__setitem__), shown


async def test_every_state_is_shown_also_when_nothing_is_in_it() -> None:
    look, shown = depth(Searched({"waiting": 3, "completed": 7}))
    await look.look()
    assert shown == {**dict.fromkeys(STATES, 0), "waiting": 3}


async def test_while_nobody_answers_the_last_answer_stays_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    search = Searched({"running": 5})
    look, shown = depth(search)
    await look.look()
    search.away, search.found = True, {"running": 6}
    with caplog.at_level(logging.WARNING, "worker.depth"):
        await look.look()
        await look.look()
    assert (shown["running"], len(caplog.records)) == (5, 1)
    search.away = False
    await look.look()
    assert shown["running"] == 6


async def test_a_real_search_finds_a_job_that_waits(temporal: Client) -> None:
    asked = request(mode="k8s")
    handle = await temporal.start_workflow(
        RunnerLifecycle.run,
        asked,
        id=names.lifecycle(asked.job_id),
        task_queue="nobody",
        search_attributes=attributes.at_start(asked),
    )
    look, shown = depth(temporal)

    async def seen() -> bool:
        await look.look()
        return shown.get("placing", 0) >= 1

    await eventually(seen)
    await handle.terminate()
