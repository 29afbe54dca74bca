"""A few small seeds, whole: everything goes wrong, and every promise is kept."""

from pathlib import Path

import pytest

from simulator.chaos import report, timeline, trial
from simulator.chaos.invariants import broken
from simulator.chaos.kinds import KILLS
from simulator.chaos.schedule import Schedule, plan

JOBS = 16


def assert_nothing_broken(planned: Schedule, home: Path) -> None:
    """Carry a schedule out; the story of the first broken promise is told."""
    said: list[str] = []
    evidence = trial.run(planned, home=home, say=said.append)
    found = broken(evidence)
    words = [f"{one.breach}: {one.words}" for one in found]
    story = [line for one in found[:1] for line in timeline.tell(evidence, one.job_id)]
    assert found == [], "\n".join([*words, *story])
    row = report.row(evidence, found)
    assert row.jobs >= JOBS
    assert min(row.faults[kind.name] for kind in KILLS[planned.mode]) >= 1


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [2, 5])
def test_a_seed_of_chaos_breaks_no_promise(seed: int, tmp_path: Path) -> None:
    assert_nothing_broken(plan(seed, JOBS), tmp_path)
