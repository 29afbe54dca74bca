"""The sweep on a real Temporal server, with a world in memory."""

import itertools
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, ScheduleActionStartWorkflow
from temporalio.worker import Worker

from activities.sweeps import (
    CloudActivities,
    GitHubActivities,
    LifecycleActivities,
    sweep_activities,
)
from runs_fleet.census import Part, SweepLimits, SweepReport, SweepRequest, SweepState, WaitingJob
from runs_fleet.errors import RateLimited, Refused, Unavailable
from runs_fleet.hooks import Hook
from runs_fleet.models import Machine, Scope
from runs_fleet.outcomes import Attempt
from tests.lifecycles import eventually
from tests.sweep.fakes import (
    ACME,
    LONG_AGO,
    MemoryLifecycles,
    MemoryProviderOf,
    MemorySweptGitHub,
    MemoryTerminator,
    Outside,
)
from worker import schedules
from workflows.sweep import Sweep

NUMBERS = itertools.count(1)
# Registrations and machines that the cloud has forgotten wait for it between two passes.
AGE = timedelta(milliseconds=1)
ORG_HOOK = Hook(kind="org", target="acme", hook_id=5)


class Broom:
    """Sweeps again and again, as the schedule does."""

    def __init__(self, temporal: Client, queue: str) -> None:
        self._temporal, self.queue, self.state = temporal, queue, SweepState()

    async def sweep(self, times: int = 1, **how: Any) -> SweepReport:
        """Run one sweep after the other; returns what the last one says."""
        report = await self._once(**how)
        for _ in range(times - 1):
            report = await self._once(**how)
        return report

    async def _once(self, **how: Any) -> SweepReport:
        facts: dict[str, Any] = {"min_age": AGE, "state": self.state}
        report = await self._temporal.execute_workflow(
            Sweep.run,
            SweepRequest(**(facts | how)),
            id=f"sweep-test-{next(NUMBERS)}",
            task_queue=self.queue,
        )
        self.state = report.state
        return report


def part(report: SweepReport, name: str) -> Part:
    return next(each for each in report.parts if each.name == name)


def counts(report: SweepReport, name: str) -> tuple[int, int, int]:
    found = part(report, name)
    return found.repaired, found.kept, found.failed


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest_asyncio.fixture
async def broom(temporal: Client, outside: Outside) -> AsyncIterator[Broom]:
    queue = f"sweep-{next(NUMBERS)}"
    lifecycles = MemoryLifecycles(outside)
    github, inventory = MemorySweptGitHub(outside), MemoryTerminator(outside)
    activities = sweep_activities(
        LifecycleActivities(lifecycles, lifecycles.start),
        CloudActivities(MemoryProviderOf(outside), inventory, inventory=inventory, github=github),
        GitHubActivities(github),
    )
    with ThreadPoolExecutor(8) as threads:
        async with Worker(
            temporal,
            task_queue=queue,
            workflows=[Sweep],
            activities=activities,
            activity_executor=threads,
        ):
            yield Broom(temporal, queue)


async def test_in_a_world_in_order_nothing_is_done(broom: Broom, outside: Outside) -> None:
    machine = outside.machine(7, state="open")
    outside.shown[7] = machine
    report = await broom.sweep(3)
    assert sum(each.repaired + each.kept + each.failed for each in report.parts) == 0
    assert machine in outside.alive
    assert all(each.last_success == report.at for each in report.parts)


@pytest.mark.parametrize("state", ["closed", "absent"])
async def test_a_machine_without_owner_goes_with_all_that_is_its(
    broom: Broom, outside: Outside, state: Any
) -> None:
    machine = outside.machine(7, state=state)
    await broom.sweep()
    assert machine in outside.alive
    report = await broom.sweep()
    assert counts(report, "machines") == (1, 0, 0)
    assert (outside.alive, outside.held, outside.registered) == ({}, {}, {})
    assert part(report, "machines").actions == (
        f"remove {machine} (runs-fleet-7-1): its lifecycle is {state}",
    )


async def test_a_runner_that_works_is_kept(broom: Broom, outside: Outside) -> None:
    machine = outside.machine(7, state="closed")
    outside.busy.add("runs-fleet-7-1")
    report = await broom.sweep(2)
    assert counts(report, "machines") == (0, 1, 0)
    assert machine in outside.alive
    assert machine in outside.held


@pytest.mark.parametrize("method", ["states", "find_runner", "machines"])
async def test_unknown_never_means_terminate(broom: Broom, outside: Outside, method: str) -> None:
    machine = outside.machine(7, state="closed")
    await broom.sweep()
    outside.errors[method] = Unavailable("no answer")
    report = await broom.sweep(2)
    assert machine in outside.alive
    assert counts(report, "machines") == (0, 0, 1)
    assert "no answer" in part(report, "machines").error
    assert part(report, "machines").last_success != report.at


async def test_what_the_search_does_not_show_is_looked_at(broom: Broom, outside: Outside) -> None:
    outside.machine(7, state="open")
    outside.errors["roll"] = Unavailable("no search")
    await broom.sweep(2)
    del outside.errors["roll"]
    await broom.sweep(3)
    assert len(outside.alive) == 1


async def test_a_part_that_fails_stops_no_other(broom: Broom, outside: Outside) -> None:
    outside.machine(7, state="closed")
    outside.deliver("a")
    outside.errors["registrations"] = Refused("no permission")
    outside.errors["deliveries org:acme:5"] = Refused("no such hook")
    report = await broom.sweep(2, hooks=(ORG_HOOK, Hook()))
    assert part(report, "registrations").error == "no permission"
    assert "no such hook" in part(report, "deliveries").error
    assert outside.redelivered == [100]
    assert outside.alive == {}


async def test_a_spent_budget_is_no_failure(broom: Broom, outside: Outside) -> None:
    outside.errors["registrations"] = RateLimited("the last fifth", after=60)
    outside.errors["deliveries app"] = RateLimited("the last fifth", after=60)
    report = await broom.sweep()
    for name in ("registrations", "deliveries"):
        assert "the last fifth" in part(report, name).skipped
        assert part(report, name).failed == 0


async def test_a_failed_delivery_is_asked_for_once(broom: Broom, outside: Outside) -> None:
    outside.deliver("fine", ok=True)
    outside.deliver("lost")
    await broom.sweep(3)
    assert outside.redelivered == [101]
    outside.deliver("lost")
    await broom.sweep(2)
    assert outside.redelivered == [101, 102]
    outside.deliver("lost", ok=True)
    await broom.sweep()
    assert broom.state.hooks["app"].failed == {}


async def test_no_run_asks_for_more_than_its_share(broom: Broom, outside: Outside) -> None:
    for number in range(8):
        outside.deliver(f"g{number}")
    await broom.sweep(limits=SweepLimits(redeliveries=3))
    assert sorted(outside.redelivered) == [100, 101, 102]
    await broom.sweep(limits=SweepLimits(redeliveries=3))
    assert sorted(outside.redelivered) == [100, 101, 102, 103, 104, 105]


async def test_a_delivery_that_github_has_forgotten_is_given_up(
    broom: Broom, outside: Outside
) -> None:
    outside.deliver("old")
    outside.forgets_deliveries = True
    await broom.sweep()
    assert broom.state.hooks["app"].failed == {}


def attempt(machine_id: str, *, gone: bool = False) -> tuple[Attempt, ...]:
    machine = Machine(machine_id=machine_id)
    ended_at = datetime.now(UTC) if gone else None
    return (Attempt(number=1, runner="runs-fleet-7-1", machine=machine, ended_at=ended_at),)


async def test_a_twin_goes_and_the_known_machine_stays(broom: Broom, outside: Outside) -> None:
    known, twin = outside.machine(7, state="open"), outside.machine(7)
    outside.shown[7], outside.attempts[7] = known, attempt(known)
    report = await broom.sweep(2)
    assert counts(report, "strays") == (1, 0, 0)
    assert list(outside.alive) == [known]
    assert list(outside.registered) == ["runs-fleet-7-1"]
    assert twin not in outside.held


async def test_a_machine_that_its_owner_took_for_gone_goes_by_the_guarded_order(
    broom: Broom, outside: Outside
) -> None:
    late = outside.machine(7, state="open")
    outside.shown[7], outside.attempts[7] = "i-other", attempt(late, gone=True)
    outside.ended["i-other"] = ""
    outside.busy.add("runs-fleet-7-1")
    assert counts(await broom.sweep(2), "strays") == (0, 1, 0)
    assert late in outside.alive


async def test_a_machine_that_its_owner_still_holds_is_its_owners(
    broom: Broom, outside: Outside
) -> None:
    held = outside.machine(7, state="open")
    outside.shown[7], outside.attempts[7] = "i-newer", attempt(held)
    assert counts(await broom.sweep(2), "strays") == (0, 0, 0)
    assert held in outside.alive


async def test_a_lost_machine_is_told_once_with_its_cause(broom: Broom, outside: Outside) -> None:
    outside.owners[7], outside.shown[7] = "open", "i-lost"
    outside.ended["i-lost"] = "Server.SpotInstanceTermination"
    assert counts(await broom.sweep(), "lost") == (1, 0, 0)
    await broom.sweep(3)
    [(job, event)] = outside.told
    assert (job, event.kind, event.cause) == (7, "gone", "Server.SpotInstanceTermination")
    assert event.taken


async def test_of_a_machine_that_ended_itself_it_is_told_that_nobody_took_it(
    broom: Broom, outside: Outside
) -> None:
    outside.owners[7], outside.shown[7] = "open", "runs-fleet-7-1"
    outside.ended["runs-fleet-7-1"] = "OOMKilled"
    await broom.sweep()
    [(_, event)] = outside.told
    assert (event.cause, event.taken) == ("OOMKilled", False)


async def test_a_machine_that_the_cloud_has_forgotten_is_lost_at_the_second_look(
    broom: Broom, outside: Outside
) -> None:
    outside.owners[7], outside.shown[7] = "open", "i-lost"
    await broom.sweep()
    assert outside.told == []
    await broom.sweep()
    assert outside.told[0][1].cause == "NotFound"


async def test_a_config_whose_machine_is_gone_is_deleted(broom: Broom, outside: Outside) -> None:
    outside.held["i-0gone"] = LONG_AGO
    await broom.sweep()
    assert "i-0gone" in outside.held
    assert counts(await broom.sweep(), "configs") == (1, 0, 0)
    assert outside.held == {}


async def test_a_dead_registration_is_deleted(broom: Broom, outside: Outside) -> None:
    outside.machine(7, state="closed")
    outside.machine(8, state="open")
    outside.alive.clear()
    await broom.sweep()
    assert len(outside.registered) == 2
    assert counts(await broom.sweep(), "registrations") == (1, 0, 0)
    assert list(outside.registered) == ["runs-fleet-8-1"]


async def test_a_dead_registration_that_works_after_all_is_kept(
    broom: Broom, outside: Outside
) -> None:
    outside.machine(7, state="closed")
    outside.alive.clear()
    outside.busy.add("runs-fleet-7-1")
    assert counts(await broom.sweep(2), "registrations") == (0, 1, 0)


def job(number: int, *, repo: Scope = ACME, **facts: Any) -> WaitingJob:
    label = ("runs-fleet/cpu=2",)
    told: dict[str, Any] = {"scope": repo, "labels": label, "queued_at": LONG_AGO}
    return WaitingJob(job_id=number, run_id=1, **(told | facts))


async def test_a_queued_job_without_lifecycle_is_started(broom: Broom, outside: Outside) -> None:
    outside.owners.update({1: "open", 2: "closed"})
    outside.waiting = [job(1), job(2), job(3), job(4, queued_at=datetime.now(UTC))]
    report = await broom.sweep(2, min_age=timedelta(minutes=5))
    assert [started.job_id for started in outside.started] == [3]
    assert outside.started[0].scope == ACME
    assert part(report, "queued").looked == 4


async def test_repositories_have_turns_when_calls_are_few(broom: Broom, outside: Outside) -> None:
    outside.scopes = [Scope(repo=f"acme/{name}", org="acme") for name in "abc"]
    await broom.sweep(3, limits=SweepLimits(queued_calls=1))
    asked = {name: outside.asked[f"waiting_jobs acme/{name}"] for name in "abc"}
    assert asked == {"a": 1, "b": 1, "c": 1}


async def test_a_dry_run_only_tells(broom: Broom, outside: Outside) -> None:
    machine = outside.machine(7, state="closed")
    outside.deliver("lost")
    outside.waiting = [job(3)]
    await broom.sweep(dry_run=False, limits=SweepLimits(redeliveries=0, queued_calls=0))
    state = broom.state
    report = await broom.sweep(dry_run=True)
    assert report.dry_run
    assert machine in outside.alive
    assert (outside.redelivered, outside.started) == ([], [])
    done = [words for each in report.parts for words in each.actions]
    assert len(done) == 4
    assert broom.state == state


async def test_the_schedule_carries_the_state_from_run_to_run(
    temporal: Client, broom: Broom, outside: Outside
) -> None:
    machine = outside.machine(7, state="closed")
    schedule = schedules.schedule(SweepRequest(min_age=AGE), timedelta(days=1))
    assert isinstance(schedule.action, ScheduleActionStartWorkflow)
    schedule.action.task_queue = broom.queue
    handle = await temporal.create_schedule(f"test-{next(NUMBERS)}", schedule)

    async def runs() -> int:
        info = (await handle.describe()).info
        return info.num_actions - len(info.running_actions)

    await handle.trigger()
    await eventually(runs)
    assert machine in outside.alive
    await handle.trigger()
    await eventually(lambda: not outside.alive)
    await handle.delete()
