"""What an exit code tells of a runner's end."""

from pathlib import Path

import pytest

from agent.endings import Ending, ending
from runs_fleet.models import ReportKind

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("kind", "outcome", "detail", "expected"),
    [
        ("finished", "Succeeded", "", Ending.DONE),
        ("finished", "Failed", "", Ending.DONE),
        ("finished", "Canceled", "", Ending.DONE),
        ("finished", "no_job", "", Ending.DONE),
        ("finished", "idle", "", Ending.DONE),
        ("finished", "max_runtime", "Canceled", Ending.DONE),
        ("finished", "registration_lost", "", Ending.DONE),
        ("finished", "Succeeded", "interrupted", Ending.DONE),
        ("finished", "Canceled", "interrupted", Ending.INTERRUPTED),
        ("finished", "interrupted", "", Ending.INTERRUPTED),
        ("failed", "broken", "run.sh ended with 127", Ending.BROKEN),
    ],
)
def test_a_last_report_is_an_ending(
    kind: ReportKind, outcome: str, detail: str, expected: Ending
) -> None:
    assert ending(kind, outcome, detail) is expected


@pytest.mark.parametrize("each", Ending)
def test_the_docs_list_every_exit_code(each: Ending) -> None:
    assert f"\n| {each.value} | " in (ROOT / "docs" / "images.md").read_text()
