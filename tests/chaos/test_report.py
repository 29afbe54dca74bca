"""What is said of a seed: its row, its recovery times, the story of a broken job."""

from pathlib import Path
from typing import Any

import pytest

from simulator.chaos import report, timeline
from simulator.chaos.__main__ import main, write_table
from simulator.chaos.evidence import Evidence
from simulator.chaos.invariants import broken
from simulator.chaos.recovery import Recovery, recoveries, summed
from tests.chaos.books import at, deed, evidence, job, machine, runner


def killed(kind: str, **facts: Any) -> Evidence:
    """A world where something was killed while a job waited, and started again at 1.5 s."""
    kill = deed(kind, "it", 0.5, mended_at=at(1.5))
    return evidence(job(), runners=(runner(created_at=at(1.9)),), deeds=(kill,), **facts)


def test_recovery_is_measured_from_the_restart() -> None:
    assert recoveries(killed("worker_killed")) == [
        Recovery(kind="worker_killed", first=0.4, caught_up=0.5)
    ]


def test_a_kill_for_which_nobody_waited_has_no_recovery() -> None:
    late = deed("worker_killed", "it", 8, mended_at=at(9))
    assert recoveries(evidence(deeds=(late,))) == [Recovery(kind="worker_killed")]


def test_recoveries_are_summed_up_by_kind() -> None:
    found = summed(
        [
            Recovery(kind="api_killed", first=1, caught_up=3),
            Recovery(kind="api_killed", first=2, caught_up=9),
            Recovery(kind="api_killed"),
        ]
    )
    assert set(found) == {"api_killed"}
    assert (found["api_killed"].kills, found["api_killed"].caught_up_max) == (3, 9)


def test_a_row_counts_breaches_and_faults() -> None:
    world = evidence(
        machines=(machine(state="running", ended=None),),
        deeds=(deed("theft", "9"), deed("github", "502")),
    )
    row = report.row(world, broken(world))
    assert (row.orphaned, row.lost, row.clean) == (1, 0, False)
    assert row.faults == {"theft": 1, "github": 1, "webhooks_lost": 0, "webhooks_doubled": 0}


def test_the_story_of_a_job_holds_faults_and_all_that_became_of_it() -> None:
    told = "\n".join(timeline.tell(evidence(deeds=(deed("theft", "9"),)), 7))
    wanted = ("CHAOS", "WEBHOOK", "RUNNER", "MACHINE", "LIFECYCLE")
    assert [word for word in wanted if word not in told] == []
    assert "    3.00  CHAOS     theft 9" in told


def test_the_tables_have_a_line_for_each_seed_and_one_for_all() -> None:
    world = killed("temporal_killed")
    found = report.summary([report.row(world, [])])
    text = report.markdown(found)
    assert "| 1 | 1 | 1 | 0 | 1 | 0 |" in text
    assert "| **all** | 1 |" in text
    assert "| Temporal | 1 | 0.4 s |" in text


def test_a_table_is_put_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos: begin -->\nold\n<!-- chaos: end -->\nafter\n")
    write_table(page, "new\n")
    write_table(page, "newer\n")
    assert page.read_text() == (
        "before\n<!-- chaos: begin -->\nnewer\n<!-- chaos: end -->\nafter\n"
    )


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here\n")
    with pytest.raises(SystemExit, match="has no"):
        write_table(page, "new\n")


@pytest.mark.parametrize("seeds", ["x", "1-y"])
def test_seeds_that_are_no_numbers_are_refused(seeds: str) -> None:
    with pytest.raises(SystemExit):
        main(["--seeds", seeds])
