"""Backtests: what pools would have done with jobs that came, in simulated time."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from runs_fleet.models import Scope
from runs_fleet.pools.arrivals import Arrival
from runs_fleet.pools.backtest import Outcome, backtest
from runs_fleet.pools.definition import Cache, Demand, Listening, PoolDefinition, Targets
from runs_fleet.pools.replay import Assumptions
from tests.pools.definitions import at, pool, scheduled, window

NINE = at("2026-11-26 09:00")
MINUTE = timedelta(minutes=1)
WORLD = Assumptions(price=1, cold_price=1, stopped_price=0.1)


def jobs(
    number: int, *, every: float = 600, lasts: float = 5, repo: str = "octo/hello"
) -> list[Arrival]:
    """Jobs that come every so many seconds, and last so many minutes."""
    return [
        Arrival(
            queued_at=NINE + each * timedelta(seconds=every),
            duration=lasts * MINUTE,
            repo=repo,
            pool="default",
        )
        for each in range(number)
    ]


def played(definition: PoolDefinition, arrivals: Sequence[Arrival]) -> Outcome:
    return backtest([definition], arrivals, WORLD)[0]


@pytest.mark.parametrize(
    ("targets", "tier", "wait"),
    [
        (Targets(hot=1), "hot", 6),
        (Targets(stopped=1), "stopped", 20),
        (Targets(), "cold", 60),
    ],
)
def test_a_job_waits_as_long_as_its_tier_takes(targets: Targets, tier: str, wait: int) -> None:
    found = played(pool(targets=targets), jobs(10))
    assert found.served == {tier: 10}
    assert (found.p50, found.p95, found.worst) == (wait, wait, wait)


def test_a_burst_takes_what_is_warm_and_the_rest_goes_cold() -> None:
    found = played(pool(targets=Targets(hot=2, stopped=3)), jobs(9, every=0))
    assert found.served == {"hot": 2, "stopped": 3, "cold": 4}


def test_a_member_that_was_taken_is_replaced() -> None:
    slow, fast = jobs(5, every=120), jobs(5, every=10)
    definition = pool(targets=Targets(hot=1))
    assert played(definition, slow).served == {"hot": 5}
    assert played(definition, fast).served == {"hot": 1, "cold": 4}


def test_there_are_never_more_members_than_max() -> None:
    found = played(pool(targets=Targets(hot=2), max=2), jobs(6, every=120, lasts=60))
    assert found.served == {"hot": 2, "cold": 4}


def test_a_repository_that_may_not_goes_cold() -> None:
    definition = pool(targets=Targets(hot=2), repositories=("acme/*",))
    assert played(definition, jobs(3)).served == {"cold": 3}


def test_a_schedule_warms_the_pool_in_time() -> None:
    definition = scheduled(window("10:00", "18:00", hot=3)).model_copy(
        update={"targets": Targets()}
    )
    found = played(definition, jobs(12))
    assert found.served == {"cold": 6 + 1, "hot": 12 - 6 - 1}


def test_demand_warms_the_pool_by_itself() -> None:
    found = played(pool(demand=Demand(cap=5)), jobs(20, every=120, lasts=3))
    assert found.served["hot"] >= 17


def test_listening_members_are_faster_than_all_others() -> None:
    listening = Listening(scope=Scope(repo="octo/hello"), label="runs-fleet/pool=default")
    definition = pool(targets=Targets(listening=2, hot=1), listening=listening)
    assert played(definition, jobs(8)).served == {"listening": 8}
    found = played(definition, jobs(4, every=0))
    assert found.served == {"listening": 2, "hot": 1, "cold": 1}


@pytest.mark.parametrize("cache", [None, Cache(size=1, volumes=2)])
def test_pods_take_the_place_of_placeholders(cache: Cache | None) -> None:
    definition = pool(mode="k8s", targets=Targets(hot=2), cache=cache)
    assert played(definition, jobs(5, every=0)).served == {"hot": 2, "cold": 3}
    assert played(definition, jobs(5)).served == {"hot": 5}


def test_hours_and_money_are_of_all_machines() -> None:
    found = played(pool(targets=Targets(hot=1)), jobs(7))
    # One idles from the half hour before the first job on, and beside it the jobs run.
    idle, busy = 0.5 + 1 + 5 / 60, 7 * 5 / 60
    assert found.busy_hours == pytest.approx(busy)
    assert found.warm_hours == pytest.approx(idle + busy, rel=0.05)
    assert found.cost == pytest.approx(found.warm_hours)
    assert (found.cold_hours, found.stopped_hours) == (0, 0)


def test_machines_that_are_stopped_cost_a_little() -> None:
    found = played(pool(targets=Targets(stopped=2)), jobs(7))
    assert found.stopped_hours == pytest.approx(2 * 1.5, rel=0.15)
    assert found.warm_hours < 1
    assert found.cost == pytest.approx(found.warm_hours + 0.1 * found.stopped_hours)


def test_cold_machines_cost_what_their_jobs_take() -> None:
    found = played(pool(), jobs(6))
    assert found.cold_hours == pytest.approx(6 * 6 / 60)
    assert found.cost == pytest.approx(found.cold_hours)


def test_jobs_that_name_no_pool_go_cold_and_all_are_summed_up() -> None:
    strangers = [each.model_copy(update={"pool": "other"}) for each in jobs(3)]
    ours, none, both = backtest([pool(targets=Targets(hot=1))], [*jobs(4), *strangers], WORLD)
    assert (ours.jobs, none.pool, none.served) == (4, "(none)", {"cold": 3})
    assert (both.pool, both.jobs, both.served) == ("(all)", 7, {"hot": 4, "cold": 3})
    assert both.cost == pytest.approx(ours.cost + none.cost)


def test_a_pool_without_jobs_has_nothing_to_tell() -> None:
    other = pool(name="idle", targets=Targets(hot=1))
    idle, _, both = backtest([other], jobs(2), WORLD)
    assert (idle.jobs, idle.p95, idle.cost, both.jobs) == (0, 0, 0, 2)


def test_two_replays_are_the_same() -> None:
    definition = pool(targets=Targets(hot=1, stopped=2), demand=Demand(cap=5))
    assert played(definition, jobs(50, every=30)) == played(definition, jobs(50, every=30))
