"""The sweep in whole worlds, judged by the worlds' own books."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from simulator.aws.models import Levers
from simulator.github.plans import Chaos, JobPlan, RunPlan
from simulator.world import Plan, World
from tests.e2e.fleet import LABEL, OPEN, Fleet

pytestmark = pytest.mark.e2e

HASTE = {
    "RUNS_FLEET_SWEEP_INTERVAL": "1s",
    "RUNS_FLEET_SWEEP_MIN_AGE": "2s",
    "RUNS_FLEET_FINISH_GRACE": "2s",
    "RUNS_FLEET_BUSY_LOOK": "1s",
}
CALM = Levers(boot_seconds=0.2, boot_spread=0.1)


@pytest.fixture(scope="module")
def still_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Machines that run nothing: whatever is made for them stays."""
    home = tmp_path_factory.mktemp("still")
    with World(Plan(levers=CALM, env=HASTE, agents=False), home=home) as running:
        yield running


@pytest.fixture(scope="module")
def live_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Machines that run the real agent."""
    home = tmp_path_factory.mktemp("live")
    with World(Plan(levers=CALM, env=HASTE), home=home) as running:
        yield running


@pytest_asyncio.fixture
async def still(still_world: World) -> Fleet:
    return await Fleet.of(still_world)


@pytest_asyncio.fixture
async def live(live_world: World) -> AsyncIterator[Fleet]:
    fleet = await Fleet.of(live_world)
    yield fleet
    fleet.github.chaos(Chaos())
    await fleet.settled()
    books = fleet.github.books(deliveries=False)
    assert (books.run_twice, books.violations) == ((), ())


def burst(fleet: Fleet, count: int, **job: object) -> tuple[int, ...]:
    """Queue many jobs at once."""
    plan = JobPlan.model_validate({"labels": (LABEL,), "seconds": 1, **job})
    return fleet.github.create_run(RunPlan(jobs=(plan,) * count)).jobs


def kill_everything(world: World) -> None:
    """Kill the product's processes without a word."""
    world.kill_workers()
    assert world.api is not None
    world.api.kill()
    world.api.wait()


async def terminate_all(fleet: Fleet) -> int:
    """Terminate every lifecycle, as `temporal workflow terminate` does."""
    count = 0
    async for found in fleet.temporal.list_workflows(OPEN):
        await fleet.temporal.get_workflow_handle(found.id).terminate("chaos")
        count += 1
    return count


def registered(fleet: Fleet) -> int:
    return len(fleet.github.books(deliveries=False).registered)


# A sweep that died with its worker is taken up again after one call's time limit.
@pytest.mark.timeout(300)
async def test_after_everything_was_killed_nothing_is_left(still: Fleet) -> None:
    burst(still, 12)
    await still.until(lambda: registered(still) >= 4, what="a burst under way")
    kill_everything(still.world)
    assert await terminate_all(still) >= 4
    assert still.left() >= 8
    still.world.start_api()
    still.world.start_worker()
    await still.until(lambda: not still.left(), what="an empty account", patience=90)
    assert still.github.violations() == ()


async def test_a_rehearsal_tells_and_does_nothing(still: Fleet) -> None:
    told = await asyncio.to_thread(sweep, still.world, "--dry-run", "--json")
    assert told["dry_run"]
    assert {part["name"] for part in told["parts"]} >= {"deliveries", "machines", "queued"}
    done = await asyncio.to_thread(sweep, still.world, "--json")
    assert not done["dry_run"]
    assert [part for part in done["parts"] if part["failed"]] == []


def sweep(world: World, *options: str) -> dict[str, list[dict[str, object]]]:
    """Run the command as an operator does."""
    command = [sys.executable, "-m", "runs_fleet", "sweep", *options]
    ran = subprocess.run(command, env=world.env(), capture_output=True, text=True, check=True)
    told: dict[str, list[dict[str, object]]] = json.loads(ran.stdout)
    return told


async def test_a_job_whose_lifecycle_was_terminated_runs_to_its_end(live: Fleet) -> None:
    job = live.send(seconds=6)
    machine = await live.running(job)
    await live.handle(job).terminate("chaos")
    await live.until(lambda: live.job(job).status == "completed", what="the job's own end")
    assert live.job(job).conclusion == "success"
    assert live.aws.machine(machine.machine_id).tags["runs-fleet:managed"] == "true"


async def test_with_a_fifth_of_the_webhooks_lost_every_job_runs(live: Fleet) -> None:
    live.github.chaos(Chaos(drop=0.2))
    jobs = burst(live, 20)

    def over() -> bool:
        books = live.github.books(deliveries=False)
        return all(books.job(job).status == "completed" for job in jobs)

    await live.until(over, what="the end of all jobs", patience=50)
    books = live.github.books()
    assert {books.job(job).conclusion for job in jobs} == {"success"}
    assert any(one.redelivery for one in books.deliveries)


async def test_a_job_of_which_no_webhook_ever_came_runs(live: Fleet) -> None:
    await live.outcome(live.send())
    job = live.send(mute=True)
    await live.until(lambda: live.job(job).status == "completed", what="the silent job's end")


async def test_a_lost_machine_whose_event_got_lost_is_replaced(live: Fleet) -> None:
    job = live.send(seconds=0.5)
    await live.until(lambda: live.machines(job), what="its machine")
    live.aws.lose(live.machines(job)[0].machine_id, events=False)
    outcome = await live.outcome(job)
    assert outcome.state == "completed"
