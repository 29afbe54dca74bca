"""Two small seeds, whole: everything goes wrong, and every promise is kept."""

from pathlib import Path

import pytest

from simulator.chaos import report, schedule, timeline, trial
from simulator.chaos.invariants import broken

JOBS = 16


@pytest.mark.e2e
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [2, 5])
def test_a_seed_of_chaos_breaks_no_promise(seed: int, tmp_path: Path) -> None:
    said: list[str] = []
    evidence = trial.run(schedule.plan(seed, JOBS), home=tmp_path, say=said.append)
    found = broken(evidence)
    story = [line for one in found[:1] for line in timeline.tell(evidence, one.job_id)]
    assert found == [], "\n".join(story)
    row = report.row(evidence, found)
    assert row.jobs >= JOBS
    assert min(row.faults[kind.name] for kind in schedule.KILLS) >= 1
