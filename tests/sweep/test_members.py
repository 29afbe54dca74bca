"""What a sweep does about members of pools: nothing, unless nobody keeps the pool."""

from datetime import UTC, datetime

import pytest

from runs_fleet import names
from runs_fleet.census import OwnedMachine, OwnerState
from runs_fleet.errors import Unavailable
from tests.sweep.brooms import Broom, counts, part
from tests.sweep.fakes import LONG_AGO, Outside


@pytest.mark.parametrize("state", ["closed", "absent"])
async def test_a_member_that_nobody_keeps_goes_at_the_second_pass(
    broom: Broom, outside: Outside, state: OwnerState
) -> None:
    outside.keepers["default"] = state
    machine = outside.member(1, minted=True)
    await broom.sweep()
    assert machine in outside.alive
    report = await broom.sweep()
    assert counts(report, "members") == (1, 0, 0)
    assert (outside.alive, outside.held, outside.registered) == ({}, {}, {})


async def test_placeholders_go_without_a_look_at_github(broom: Broom, outside: Outside) -> None:
    outside.alive["runs-fleet-pool-default"] = OwnedMachine(
        machine_id="runs-fleet-pool-default",
        runner="",
        pool="default",
        member="runs-fleet-pool-default",
        launched_at=LONG_AGO,
    )
    outside.keepers["default"] = "closed"
    outside.errors["registrations"] = Unavailable("GitHub is away")
    report = await broom.sweep(2)
    assert counts(report, "members") == (1, 0, 0)
    assert outside.alive == {}


async def test_a_pool_that_is_kept_keeps_its_members(broom: Broom, outside: Outside) -> None:
    outside.keepers["default"] = "open"
    machine = outside.member(1)
    report = await broom.sweep(3)
    assert counts(report, "members") == (0, 0, 0)
    assert part(report, "members").looked == 1
    assert machine in outside.alive


async def test_a_member_that_works_is_kept(broom: Broom, outside: Outside) -> None:
    machine = outside.member(1, minted=True)
    outside.busy |= outside.registered.keys()
    report = await broom.sweep(2)
    assert counts(report, "members") == (0, 1, 0)
    assert machine in outside.alive


async def test_a_taken_member_is_its_jobs_business(broom: Broom, outside: Outside) -> None:
    machine = outside.member(1, runner=names.runner(7, 1))
    outside.owners[7] = "open"
    outside.shown[7] = machine
    report = await broom.sweep(3)
    assert part(report, "members").looked == 0
    assert machine in outside.alive


async def test_a_taken_member_whose_job_is_over_goes_as_any_machine(
    broom: Broom, outside: Outside
) -> None:
    outside.keepers["default"] = "open"
    outside.member(1, runner=names.runner(7, 1))
    outside.owners[7] = "closed"
    report = await broom.sweep(2)
    assert counts(report, "machines") == (1, 0, 0)
    assert outside.alive == {}


async def test_a_young_member_is_left_to_whoever_launched_it(
    broom: Broom, outside: Outside
) -> None:
    machine = outside.member(1)
    young = {"launched_at": datetime.now(UTC).replace(year=9999)}
    outside.alive[machine] = outside.alive[machine].model_copy(update=young)
    report = await broom.sweep(3)
    assert part(report, "members").looked == 0


async def test_what_is_not_known_of_a_keeper_keeps_its_members(
    broom: Broom, outside: Outside
) -> None:
    machine = outside.member(1)
    outside.errors["keepers"] = Unavailable("Temporal is away")
    report = await broom.sweep(3)
    assert counts(report, "members") == (0, 0, 1)
    assert machine in outside.alive


async def test_a_dry_run_only_tells(broom: Broom, outside: Outside) -> None:
    machine = outside.member(1)
    await broom.sweep()
    report = await broom.sweep(dry_run=True)
    assert counts(report, "members") == (1, 0, 0)
    assert "the keeper of its pool is absent" in part(report, "members").actions[0]
    assert machine in outside.alive
