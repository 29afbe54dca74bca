"""How a runner that registers by itself is handed over, and what its lifecycle makes of it."""

from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.runners import RunnerActivities
from runs_fleet import answers
from runs_fleet.errors import FleetError, RateLimited
from runs_fleet.ledger import Ledger
from runs_fleet.models import Machine, Registration, RegistrationRequest, Scope
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.ec2 import codec
from runs_fleet.providers.k8s import files
from runs_fleet.registering import BY_TOKEN, TokenRegistration
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.ledgers import request

SCOPE = Scope(repo="acme/app", org="acme")
TOKEN = TokenRegistration("https://github.com/acme", "secret", ("a", "b"), "Default")
CONFIG = RunnerConfig("runs-fleet-1-1", "", "key", "queue", 1.5, 2.5, registration=TOKEN)
NOW = datetime(2026, 7, 1, tzinfo=UTC)
WANTED = RegistrationRequest(
    scope=SCOPE,
    runner="runs-fleet-1-1",
    labels=("a",),
    machine_id="i-1",
    idle_limit=timedelta(minutes=1),
    max_runtime=timedelta(hours=1),
)


class Tokens:
    """Has a token for everybody."""

    def registration(self, scope: Scope, labels: object) -> TokenRegistration:
        return TOKEN


class LimitedConfigs(MemoryConfigs):
    """Takes no config at first."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: deque[FleetError] = deque()

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        if self.errors:
            raise self.errors.popleft()
        super().store(machine_id, config)


@pytest.fixture
def github() -> MemoryGitHub:
    return MemoryGitHub()


@pytest.fixture
def configs() -> LimitedConfigs:
    return LimitedConfigs()


@pytest.fixture
def runners(github: MemoryGitHub, configs: LimitedConfigs) -> RunnerActivities:
    return RunnerActivities(
        MemoryProvider(), configs, github, report_secret="s" * 32, reports_address="queue"
    )


def test_it_goes_through_a_parameter_and_back() -> None:
    assert codec.decode(codec.encode(CONFIG)) == CONFIG


def test_it_goes_through_a_mounted_secret_and_back(tmp_path: Path) -> None:
    for name, text in files.to_secret(CONFIG).items():
        (tmp_path / name).write_text(text)
    assert files.from_files(tmp_path) == CONFIG


def test_while_github_registers_nobody_the_agent_does_it(
    runners: RunnerActivities, github: MemoryGitHub, configs: LimitedConfigs
) -> None:
    github.mint_errors.append(RateLimited("180 a minute", after=60))
    made = runners.overflowing(Tokens()).register_runner(WANTED)
    assert made == Registration(runner_id=BY_TOKEN, runner=WANTED.runner)
    assert configs.held["i-1"].registration == TOKEN
    assert configs.held["i-1"].jit_config == ""


def test_otherwise_nobody_does(runners: RunnerActivities, github: MemoryGitHub) -> None:
    github.mint_errors.append(RateLimited("180 a minute", after=60))
    with pytest.raises(ApplicationError, match="180 a minute") as told:
        runners.register_runner(WANTED)
    assert told.value.next_retry_delay == timedelta(seconds=60)


def test_a_config_that_had_to_wait_is_not_minted_twice(
    runners: RunnerActivities, github: MemoryGitHub, configs: LimitedConfigs
) -> None:
    configs.errors.append(RateLimited("parameters wait", after=1))
    with pytest.raises(ApplicationError) as told:
        runners.register_runner(WANTED)
    assert told.value.type == "Unavailable"
    assert runners.register_runner(WANTED).runner_id == 1
    assert github.minted == [WANTED.runner]
    assert configs.held["i-1"].jit_config == "the-secret-jit-config"


def test_a_lifecycle_knows_of_it_and_of_no_id() -> None:
    ledger = Ledger(request(), begun_at=NOW)
    runner = ledger.next_runner(NOW)
    ledger.note_machine_made(runner, Machine(machine_id="i-1"), NOW)
    runner.registering = True
    answer = Registration(runner_id=BY_TOKEN, runner=runner.name)
    answers.registered(ledger, runner, answer, NOW)
    assert (runner.runner_id, runner.answered) == (None, True)
    assert not answers.wants_registration(ledger, runner)
