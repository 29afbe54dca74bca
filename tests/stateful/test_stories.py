"""Whatever happens around a lifecycle, in whichever order, it ends well and leaves nothing."""

import asyncio
import itertools
import os
import time
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from temporalio.client import Client, WorkflowFailureError

from runs_fleet import names
from runs_fleet.models import Policy
from runs_fleet.outcomes import JobOutcome
from tests.lifecycles import request
from tests.stateful.play import Play
from tests.stateful.scripts import Script, scripts
from tests.stateful.site import Site
from tests.stateful.workers import Workers
from workflows import attributes
from workflows.runner_lifecycle import RunnerLifecycle

# One example is some stories at once: most of their time is waiting.
EXAMPLES = int(os.environ.get("RUNS_FLEET_STATEFUL_RUNS", "10"))
BUDGET = float(os.environ.get("RUNS_FLEET_STATEFUL_SECONDS", "15"))
AT_ONCE = 6
PATIENCE = 100.0
IDS = itertools.count(7_000_000_000, 10)
HASTY = Policy(
    boot_timeout=timedelta(seconds=3),
    pickup_timeout=timedelta(seconds=3),
    theft_grace=timedelta(milliseconds=100),
    finish_grace=timedelta(milliseconds=100),
    silence=timedelta(milliseconds=500),
    retry_least=timedelta(milliseconds=50),
    retry_most=timedelta(milliseconds=500),
    busy_look=timedelta(milliseconds=100),
)


async def played(temporal: Client, script: Script) -> list[str]:
    """Play one job's story to its end, and list what does not hold."""
    site = Site(next(IDS))
    site.spoil(script.faults)
    asked = request(policy=HASTY, job_id=site.job_id)
    async with Workers(
        temporal, f"stateful-{site.job_id}", site=site, memory=script.memory
    ) as workers:
        handle = await temporal.start_workflow(
            RunnerLifecycle.run,
            asked,
            id=names.lifecycle(site.job_id),
            task_queue=workers.queue,
            search_attributes=attributes.at_start(asked),
        )
        play = Play(site, handle, workers)
        try:
            await play.perform(script)
            await play.to_the_end(PATIENCE)
            outcome = await handle.result()
        except WorkflowFailureError:
            outcome = None
        except AssertionError as error:
            await handle.terminate()
            return [f"{error}: {play.performed}, {script.faults}"]
    return [f"{wrong}: {play.performed}, {script.faults}" for wrong in faulty(site, outcome)]


def faulty(site: Site, outcome: JobOutcome | None) -> list[str]:
    """List what does not hold at the end; no outcome is what an operator's Cancel leaves."""
    wrong = [*site.violations, *(f"{name} is left" for name in site.left)]
    wrong += ["it was run again twice"] * (site.reruns > 1)
    if outcome is None:
        return wrong + ["it failed"] * (not site.commanded)
    wrong += [f"attempt {each.number} has no cause" for each in outcome.attempts if not each.cause]
    wrong += [f"attempt {each.number} has no end" for each in outcome.attempts if not each.ended_at]
    told = (outcome.state in ("completed", "cancelled"), outcome.conclusion)
    return wrong + [f"it says {outcome.state}: {told}"] * (told != (True, site.conclusion))


@pytest.fixture(scope="session")
def begun() -> float:
    return time.monotonic()


@pytest.mark.timeout(300)
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if EXAMPLES > 10 else [])],
    suppress_health_check=list(HealthCheck),
)
@given(stories=st.lists(scripts, min_size=AT_ONCE, max_size=AT_ONCE, unique=True))
async def test_every_story_ends_well(
    temporal: Client, begun: float, stories: Sequence[Script]
) -> None:
    in_time = stories if time.monotonic() < begun + BUDGET else []
    endings = await asyncio.gather(*(played(temporal, script) for script in in_time))
    assert [wrong for ending in endings for wrong in ending] == []
