"""The environment that the chart gives to API and workers, read by their own settings."""

from collections.abc import Callable
from datetime import date, time
from pathlib import Path

import pytest
from temporalio.envconfig import ClientConfig

from runs_fleet.pools import file
from runs_fleet.settings import ApiSettings, Ec2Settings, K8sSettings, load_api, load_worker
from tests.helm.chart import NAMESPACE, Helm, Objects, resolved

OTHERS = Objects(
    {"kind": "Secret", "metadata": {"name": name}, "stringData": held}
    for name, held in {
        "temporal-ca": {"ca.crt": "the authority"},
        "temporal-client": {"tls.crt": "a certificate", "tls.key": "its key"},
        "valkey-ca": {"ca.crt": "another authority"},
        "runs-fleet-secrets": {
            "github-private-key": "-----BEGIN PRIVATE KEY-----\n...",
            "webhook-secrets": "a-webhook-secret",
            "report-secret": "a-report-secret-of-32-characters",
            "valkey-password": "the-fleets-own-password",
            "valkey-runner-password": "the-runners-own-password",
        },
    }.items()
)


def environ(helm: Helm, home: Path, case: str, *, of: str) -> dict[str, str]:
    return resolved(Objects((*helm.template(case), *OTHERS)), of, home)


def k8s(helm: Helm, home: Path, case: str) -> K8sSettings:
    settings = load_worker(environ(helm, home, case, of="worker-k8s"))
    assert isinstance(settings, K8sSettings)
    return settings


def ec2(helm: Helm, home: Path, case: str) -> Ec2Settings:
    settings = load_worker(environ(helm, home, case, of="worker-ec2"))
    assert isinstance(settings, Ec2Settings)
    return settings


def api(helm: Helm, home: Path, case: str) -> ApiSettings:
    return load_api(environ(helm, home, case, of="api"))


def test_the_least_of_values_makes_a_worker(helm: Helm, tmp_path: Path) -> None:
    settings = k8s(helm, tmp_path, "k8s")
    assert settings.namespace == f"{NAMESPACE}-runners"
    assert settings.service_account == "ci-runs-fleet-runner"
    assert settings.github_app_id == "12345678"
    assert "not a key" in settings.app_key().get_secret_value()
    assert settings.valkey_url == f"redis://ci-runs-fleet-valkey.{NAMESPACE}.svc:6379"
    assert "the-runners-own-password" in settings.runner_reports().get_secret_value()


def test_jobs_with_a_policy_reach_the_release_s_own_valkey(helm: Helm, tmp_path: Path) -> None:
    (peer,) = k8s(helm, tmp_path, "k8s").valkey_peers
    pod = helm.template("k8s").one("StatefulSet", "valkey")["spec"]["template"]
    assert peer["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert NAMESPACE in peer["namespaceSelector"]["matchLabels"].values()


def test_the_least_of_values_makes_an_api_with_a_spool(helm: Helm, tmp_path: Path) -> None:
    settings = api(helm, tmp_path, "k8s")
    assert (settings.mode, settings.port) == ("k8s", 8080)
    assert settings.valkey_spool == f"redis://ci-runs-fleet-valkey.{NAMESPACE}.svc:6379"
    assert [each.get_secret_value() for each in settings.webhook_secrets] == ["a-webhook-secret"]


def test_the_api_is_not_given_what_it_does_not_need(helm: Helm, tmp_path: Path) -> None:
    given = environ(helm, tmp_path, "k8s", of="api")
    assert {
        "RUNS_FLEET_REPORT_SECRET",
        "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE",
        "RUNS_FLEET_VALKEY_RUNNER_PASSWORD",
    }.isdisjoint(given)


@pytest.mark.parametrize("of", ["worker-ec2", "api"])
def test_ec2_mode_is_given_no_valkey(helm: Helm, tmp_path: Path, of: str) -> None:
    given = environ(helm, tmp_path, "ec2", of=of)
    assert [name for name in given if "VALKEY" in name or "K8S" in name] == []


def test_ec2_mode_has_its_own_settings(helm: Helm, tmp_path: Path) -> None:
    worker, door = ec2(helm, tmp_path, "ec2"), api(helm, tmp_path, "ec2")
    assert worker.subnets == ("subnet-0aaa", "subnet-0bbb")
    assert (door.mode, door.backends) == ("ec2", frozenset({"ec2"}))
    assert door.sqs_spool == worker.spool_queue_url
    assert len(door.webhook_secrets) == 2


def test_whatever_can_be_said_of_runners_reaches_the_worker(helm: Helm, tmp_path: Path) -> None:
    settings = k8s(helm, tmp_path, "both")
    assert (settings.fleet, settings.namespace) == ("ci", "pods")
    assert settings.image_pull_secrets == ("registry", "another")
    assert settings.node_selector == {"pool": "ci", "team": "build"}
    assert settings.tolerations[0].value == "only"
    assert settings.resource_labels == {"cost-center": "42"}
    assert settings.pod_template()["metadata"]["annotations"] == {"example.com/team": "build"}
    assert (settings.volume_above, settings.max_activities) == (100, 128)
    assert settings.priority_class == f"{NAMESPACE}-fleet-runner"
    assert settings.placeholder_priority_class == "low"
    assert settings.sweep_interval is None
    assert not settings.tell


@pytest.mark.parametrize("load", [k8s, ec2])
def test_pools_reach_the_workers_of_both_modes(
    helm: Helm, tmp_path: Path, load: Callable[[Helm, Path, str], K8sSettings | Ec2Settings]
) -> None:
    path = load(helm, tmp_path, "both").pools_file
    assert path is not None
    found = file.read(path.read_text())
    assert [(pool.name, pool.mode) for pool in found.pools] == [
        ("warm", "k8s"),
        ("machines", "ec2"),
    ]
    assert found.ephemeral is not None
    schedule = found.pools[0].schedule
    assert schedule.windows[0].start == time(8)
    assert schedule.overrides[0].first == date(2026, 12, 24)


def test_both_modes_agree_on_the_backends(helm: Helm, tmp_path: Path) -> None:
    workers = [k8s(helm, tmp_path, "both"), ec2(helm, tmp_path, "both")]
    door = api(helm, tmp_path, "both")
    assert {each.backends for each in (*workers, door)} == {frozenset({"k8s", "ec2"})}
    assert (door.mode, *(each.mode for each in workers)) == ("ec2", "k8s", "ec2")


def test_a_password_is_handed_down_as_it_is(helm: Helm, tmp_path: Path) -> None:
    password = k8s(helm, tmp_path, "both").valkey_password
    assert password is not None
    assert password.get_secret_value() == 'the fleet\'s "own" $password'


def test_somebody_else_s_valkey_is_reached_with_tls(helm: Helm, tmp_path: Path) -> None:
    settings = k8s(helm, tmp_path, "external")
    assert settings.valkey_url == "rediss://valkey.example:6380/0"
    assert "valkey.internal.example" in settings.runner_reports().get_secret_value()
    assert settings.valkey_ca_file is not None
    assert settings.valkey_ca_file.read_text() == "another authority"
    assert settings.valkey_peers == ({"ipBlock": {"cidr": "10.1.2.3/32"}},)


@pytest.mark.parametrize("of", ["worker-k8s", "api"])
def test_temporal_is_reached_with_tls(helm: Helm, tmp_path: Path, of: str) -> None:
    given = environ(helm, tmp_path, "external", of=of)
    found = ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=given)
    assert found["target_host"] == "ci.a1b2c.tmprl.cloud:7233"
    assert found["namespace"] == "ci.a1b2c"
    tls = found["tls"]
    assert not isinstance(tls, bool)
    assert tls is not None
    assert (tls.server_root_ca_cert, tls.client_private_key) == (b"the authority", b"its key")
    assert tls.domain == "temporal"


def test_temporal_is_reached_with_a_key(helm: Helm, tmp_path: Path) -> None:
    given = environ(helm, tmp_path, "both", of="api")
    found = ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=given)
    assert (found["api_key"], found["target_host"]) == ("a-key", "temporal:7233")
