"""When a pool counts as full, and what is said of one that is not."""

from typing import Any

import pytest

from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.wire import PlaceholderFacts
from simulator.chaos import report
from simulator.chaos.keeping import lacks
from simulator.chaos.pools import Pools
from tests.chaos.books import at, evidence

WARM, EARS = Pools("ec2").definitions
ROOM, STASH = Pools("k8s").definitions
FULL = {"hot": {"free": 2}, "stopped": {"stopped": 2}}
LENT = PlaceholderFacts(ready=0, volumes=("a", "b"))


def status(definition: Any = WARM, **facts: Any) -> PoolStatus:
    usual: dict[str, Any] = {
        "name": definition.name,
        "at": at(0),
        "word": "open",
        "definition": definition,
        "targets": definition.targets,
        "counts": {},
        "claims": {},
        "leases": {},
    }
    return PoolStatus.model_validate({**usual, **facts})


@pytest.mark.parametrize(
    ("told", "placed"),
    [
        (status(counts=FULL), 0),
        (status(counts={**FULL, "hot": {"free": 3, "booting": 1}}), 0),
        (status(EARS, counts={"listening": {"listening": 1, "registering": 1}}), 0),
        (status(ROOM), 3),
        (status(STASH, placeholders=LENT), 1),
    ],
)
def test_a_pool_that_has_what_is_wanted_is_full(told: PoolStatus, placed: int) -> None:
    assert list(lacks(told, placed)) == []


@pytest.mark.parametrize(
    ("told", "placed", "words"),
    [
        (status(counts=FULL, unknown=1), 0, "1 machines are not known"),
        (status(counts={**FULL, "hot": {"free": 1, "booting": 1}}), 0, "hot"),
        (status(counts={"hot": {"free": 2}}), 0, "stopped"),
        (status(EARS, counts={"listening": {"listening": 1, "free": 1}}), 0, "listening"),
        (status(ROOM), 2, "2 of 3 placeholders"),
        (status(STASH, placeholders=LENT.model_copy(update={"volumes": ("a",)})), 1, "volumes"),
        (status(STASH), 1, "volumes"),
        (status(STASH, placeholders=LENT, leases={"a": 7}), 1, "lent to"),
    ],
)
def test_what_a_pool_lacks_is_said(told: PoolStatus, placed: int, words: str) -> None:
    [said] = lacks(told, placed)
    assert words in said


def test_only_worlds_with_pools_have_a_column_for_them() -> None:
    plain, pooled = evidence(), evidence(maxes={"warm": 7})
    heads = [
        report.markdown(report.summary([report.row(world, [])])).splitlines()[0]
        for world in (plain, pooled)
    ]
    assert ["| pool |" in head for head in heads] == [False, True]
