"""What the operator set arrives in the site."""

import pytest

from runs_fleet.providers.k8s.site import Docker, Storage, site
from runs_fleet.queues import valkey
from runs_fleet.settings import K8sSettings, load_worker
from runs_fleet.settings.valkey import REPORTS_STREAM
from tests.test_settings_k8s import K8S


def load(**variables: str) -> K8sSettings:
    settings = load_worker({**K8S, **{f"RUNS_FLEET_{k}": v for k, v in variables.items()}})
    assert isinstance(settings, K8sSettings)
    return settings


def test_defaults_are_the_same_in_settings_and_site() -> None:
    found = site(load())
    assert (found.docker, found.storage) == (Docker(), Storage())
    assert (found.fleet, found.namespace, found.image) == (
        "default",
        "runs-fleet",
        "registry.example/runner:1",
    )
    assert (found.stop_grace, found.termination_grace) == (90, 120)


def test_a_job_outlives_all_that_its_lifecycle_grants() -> None:
    found = site(load(MAX_RUNTIME="1h", BOOT_TIMEOUT="10m", PICKUP_TIMEOUT="10m"))
    assert found.deadline > 80 * 60


def test_tolerations_are_as_the_operator_wrote_them() -> None:
    taint = '{"key": "ci", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}'
    assert site(load(K8S_TOLERATIONS=f"[{taint}]")).tolerations == (
        {"key": "ci", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9},
    )


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({}, 6379),
        ({"VALKEY_URL": "redis://valkey"}, 6379),
        ({"VALKEY_RUNNER_URL": "rediss://valkey.example:6380"}, 6380),
    ],
)
def test_private_runners_reach_valkey_where_they_see_it(
    variables: dict[str, str], port: int
) -> None:
    assert site(load(**variables)).valkey_port == port


def test_agents_report_to_the_stream_that_workers_read() -> None:
    assert REPORTS_STREAM == valkey.REPORTS
