"""The sweep on a real Temporal server, with a world in memory."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow

from runs_fleet.census import SweepLimits, SweepRequest
from runs_fleet.errors import RateLimited, Refused, Unavailable
from runs_fleet.hooks import Hook
from runs_fleet.models import Machine
from runs_fleet.outcomes import Attempt
from tests.lifecycles import eventually
from tests.sweep.brooms import AGE, NUMBERS, Broom, counts, job, part
from tests.sweep.fakes import LONG_AGO, Outside
from worker import schedules

ORG_HOOK = Hook(kind="org", target="acme", hook_id=5)


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
