"""What an exit code tells of a runner's end."""

import pytest

from agent.endings import Ending, ending
from runs_fleet.models import ReportKind


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


def test_the_exit_codes_are_those_that_the_docs_list() -> None:
    assert {each.name: each.value for each in Ending} == {
        "DONE": 0,
        "STUCK": 1,
        "BAD_SETTINGS": 2,
        "NO_CONFIG": 3,
        "BROKEN": 4,
        "INTERRUPTED": 143,
    }
