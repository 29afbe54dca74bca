"""Differences of two definitions, as people would write them."""

from datetime import timedelta

import pytest

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.definition import Demand, PoolDefinition, Targets
from runs_fleet.pools.differences import Difference, between
from tests.pools.definitions import pool, scheduled, window


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (pool(), pool(targets=Targets(hot=2)), ("targets.hot", "0", "2")),
        (pool(max=4), pool(max=5), ("max", "4", "5")),
        (pool(), pool(idle_timeout=timedelta(hours=1)), ("idle_timeout", "15m", "1h")),
        (
            pool(),
            pool(spec=RunnerSpec(cpu=Span(least=8, most=16), arch="arm64")),
            ("spec", "runs-fleet/cpu=2+4/ram=1", "runs-fleet/cpu=8+16/ram=1/arch=arm64"),
        ),
        (pool(repositories=("a/*",)), pool(), ("repositories", "a/*", "")),
        (
            pool(repositories=("a/*",)),
            pool(repositories=("a/*", "b/c")),
            ("repositories", "a/*", "a/*, b/c"),
        ),
        (pool(), pool(weights={"a/b": 3}), ("weights.a/b", "", "3")),
        (
            scheduled(window("08:00", "18:00")),
            scheduled(window("07:30", "18:00")),
            ("schedule.windows[0].start", "08:00", "07:30"),
        ),
        (
            pool(demand=Demand(cap=4)),
            pool(demand=Demand(cap=4, percentile=0.95)),
            ("demand.percentile", "0.9", "0.95"),
        ),
    ],
)
def test_what_changes_is_named(
    before: PoolDefinition, after: PoolDefinition, difference: tuple[str, str, str]
) -> None:
    assert between(before, after) == (Difference(*difference),)


def test_what_is_so_already_is_no_difference() -> None:
    assert between(pool(demand=Demand(cap=3)), pool(demand=Demand(cap=3))) == ()


def test_of_a_new_pool_everything_is_named_that_is_not_default() -> None:
    assert [each[::2] for each in between(None, pool(targets=Targets(hot=2), max=5))] == [
        ("name", "default"),
        ("mode", "ec2"),
        ("spec", "runs-fleet/cpu=2+4/ram=1"),
        ("targets.hot", "2"),
        ("max", "5"),
    ]


def test_a_section_that_goes_is_named_whole() -> None:
    fields = [each.field for each in between(pool(demand=Demand(cap=3)), pool())]
    assert fields[0] == "demand.tier"
    assert {each.partition(".")[0] for each in fields} == {"demand"}
