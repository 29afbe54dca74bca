"""Thousands of small worlds, each with its own faults; a broken one prints its timeline."""

import os

import pytest

from tests.model.trials import failures

RUNS = int(os.environ.get("RUNS_FLEET_MODEL_RUNS", "6000"))
CHUNK = 500


@pytest.mark.parametrize("first", range(0, RUNS, CHUNK))
def test_whatever_happens_nothing_is_lost_left_or_killed(first: int) -> None:
    assert list(failures(range(first, first + CHUNK))) == []
