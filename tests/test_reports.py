"""Reports: believed only when their own runner made them."""

from datetime import UTC, datetime

import pytest

from runs_fleet import reports
from runs_fleet.models import RunnerReport

SECRET = "the fleet's secret"
SAID = RunnerReport(runner="runs-fleet-7-1", kind="ready", at=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_report_comes_back_as_it_was_sealed() -> None:
    body = reports.seal(SAID, runner_key=reports.key(SECRET, SAID.runner))
    assert reports.opened(body, secret=SECRET) == SAID


def test_a_key_speaks_for_its_own_runner_only() -> None:
    body = reports.seal(SAID, runner_key=reports.key(SECRET, "runs-fleet-8-1"))
    with pytest.raises(reports.Forged, match="runs-fleet-7-1"):
        reports.opened(body, secret=SECRET)


def test_a_changed_report_is_forged() -> None:
    body = reports.seal(SAID, runner_key=reports.key(SECRET, SAID.runner))
    with pytest.raises(reports.Forged):
        reports.opened(body.replace("ready", "failed"), secret=SECRET)


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"report": "{}", "mac": ""}', "\u0000"])
def test_what_is_no_report_is_forged(body: str) -> None:
    with pytest.raises(reports.Forged):
        reports.opened(body, secret=SECRET)
