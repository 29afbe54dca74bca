"""What a sweep does about deliveries, registrations and waiting jobs."""

from datetime import UTC, datetime, timedelta

from runs_fleet.census import SweepLimits
from runs_fleet.models import Scope
from tests.sweep.brooms import Broom, counts, job, part
from tests.sweep.fakes import ACME, Outside


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
