"""What an operator may say about the sweep."""

from datetime import timedelta

import pytest

from runs_fleet.hooks import Hook
from runs_fleet.settings import BadSettings, load_worker
from tests.test_settings import WORKER
from tests.test_settings_k8s import K8S


def test_a_sweep_comes_every_two_minutes() -> None:
    settings = load_worker(WORKER)
    assert settings.sweep_interval == timedelta(minutes=2)
    assert settings.sweep.min_age == timedelta(minutes=5)
    assert settings.sweep.settle == timedelta(minutes=1)
    assert settings.sweep.hooks == (Hook(),)


@pytest.mark.parametrize("off", ["", "0"])
def test_a_sweep_can_be_turned_off(off: str) -> None:
    assert load_worker({**WORKER, "RUNS_FLEET_SWEEP_INTERVAL": off}).sweep_interval is None


def test_more_hooks_can_be_named() -> None:
    named = "org:acme:12, repo:octo/app.js:7"
    settings = load_worker({**WORKER, "RUNS_FLEET_GITHUB_HOOKS": named})
    assert [hook.key for hook in settings.sweep.hooks] == [
        "app",
        "org:acme:12",
        "repo:octo/app.js:7",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNS_FLEET_GITHUB_HOOKS", "acme:12"),
        ("RUNS_FLEET_GITHUB_HOOKS", "org:acme/app:12"),
        ("RUNS_FLEET_GITHUB_HOOKS", "repo:acme:12"),
        ("RUNS_FLEET_GITHUB_HOOKS", "org:acme:first"),
        ("RUNS_FLEET_SWEEP_INTERVAL", "often"),
        ("RUNS_FLEET_SWEEP_MIN_AGE", "0"),
    ],
)
def test_what_makes_no_sense_is_refused(variable: str, value: str) -> None:
    with pytest.raises(BadSettings, match=variable):
        load_worker({**WORKER, variable: value})


def test_outcomes_are_kept_where_there_is_a_table() -> None:
    table = {"RUNS_FLEET_EC2_ARCHIVE_TABLE": "runs-fleet.jobs"}
    assert not load_worker(WORKER).sweep.archive
    assert load_worker({**WORKER, **table}).sweep.archive


@pytest.mark.parametrize(("days", "archive"), [("", True), ("30", True), ("0", False)])
def test_in_kubernetes_outcomes_are_kept_for_some_days(days: str, archive: bool) -> None:
    settings = load_worker({**K8S, "RUNS_FLEET_K8S_ARCHIVE_DAYS": days})
    assert settings.sweep.archive is archive


@pytest.mark.parametrize("days", ["-1", "91", "a week"])
def test_a_number_of_days_is_one(days: str) -> None:
    with pytest.raises(BadSettings, match="RUNS_FLEET_K8S_ARCHIVE_DAYS"):
        load_worker({**K8S, "RUNS_FLEET_K8S_ARCHIVE_DAYS": days})


@pytest.mark.parametrize("table", ["ab", "my table", "arn:aws:dynamodb:eu-west-1:1:table/x"])
def test_a_table_is_given_by_its_name(table: str) -> None:
    with pytest.raises(BadSettings, match="RUNS_FLEET_EC2_ARCHIVE_TABLE"):
        load_worker({**WORKER, "RUNS_FLEET_EC2_ARCHIVE_TABLE": table})
