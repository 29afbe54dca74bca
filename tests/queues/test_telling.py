"""The activity that releases a runner writes down how it went."""

import pytest

from activities.runners import RunnerActivities
from runs_fleet import telemetry
from runs_fleet.models import Scope
from runs_fleet.releases import ReleaseRequest, RunnerFacts
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.ledgers import MINE, booting

SCOPE = Scope(repo="octo/hello")
FACTS = telemetry.facts(booting(), booting().runners[0])


class MemoryTelemetry:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[RunnerFacts] = []

    def runner_released(self, facts: RunnerFacts) -> None:
        self.told.append(facts)


@pytest.fixture
def github() -> MemoryGitHub:
    return MemoryGitHub()


@pytest.fixture
def written() -> MemoryTelemetry:
    return MemoryTelemetry()


@pytest.fixture
def runners(github: MemoryGitHub, written: MemoryTelemetry) -> RunnerActivities:
    made = RunnerActivities(
        MemoryProvider(), MemoryConfigs(), github, report_secret="s", reports_address="queue"
    )
    return made.telling(written)


@pytest.mark.parametrize("force", [False, True])
def test_a_runner_that_is_gone_is_told_of(
    runners: RunnerActivities, written: MemoryTelemetry, force: bool
) -> None:
    asked = ReleaseRequest(runner=MINE, scope=SCOPE, force=force, telemetry=FACTS)
    runners.release_runner(asked)
    assert written.told == [FACTS]


def test_a_runner_that_is_kept_is_not_told_of(
    runners: RunnerActivities, written: MemoryTelemetry, github: MemoryGitHub
) -> None:
    minted = github.mint(SCOPE, MINE, ["x"])
    github.busy.add(MINE)
    asked = ReleaseRequest(runner=MINE, scope=SCOPE, runner_id=minted.runner_id, telemetry=FACTS)
    assert runners.release_runner(asked).busy
    assert written.told == []


def test_nothing_is_told_when_nothing_is_known(
    runners: RunnerActivities, written: MemoryTelemetry
) -> None:
    runners.release_runner(ReleaseRequest(runner=MINE, scope=SCOPE))
    assert written.told == []
