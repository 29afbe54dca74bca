"""What operators of Kubernetes mode may write, and what they are told when it is wrong."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest

from runs_fleet.settings import BadSettings, K8sSettings, load_agent, load_api, load_worker
from tests.test_settings import API, WORKER, mistakes

K8S = {
    **{name: value for name, value in WORKER.items() if "_EC2_" not in name},
    "RUNS_FLEET_MODE": "k8s",
    "RUNS_FLEET_K8S_RUNNER_IMAGE": "registry.example/runner:1",
    "RUNS_FLEET_VALKEY_URL": "redis://valkey:6379",
}
USERS = {
    "RUNS_FLEET_VALKEY_USERNAME": "worker",
    "RUNS_FLEET_VALKEY_PASSWORD": "workers-password",
    "RUNS_FLEET_VALKEY_RUNNER_USERNAME": "runner",
    "RUNS_FLEET_VALKEY_RUNNER_PASSWORD": "p@ss/word",
}


def load(environ: dict[str, str]) -> K8sSettings:
    settings = load_worker({**K8S, **environ})
    assert isinstance(settings, K8sSettings)
    return settings


def test_the_mode_says_which_settings_a_worker_has() -> None:
    settings = load({"RUNS_FLEET_MODE": " K8S"})
    assert (settings.mode, settings.namespace) == ("k8s", "runs-fleet")
    assert settings.backends == frozenset({"k8s"})


def test_one_env_file_may_serve_workers_of_both_modes() -> None:
    assert load_worker({**K8S, **WORKER, "RUNS_FLEET_MODE": "k8s"}).mode == "k8s"
    assert load_worker({**K8S, **WORKER, "RUNS_FLEET_MODE": "ec2"}).mode == "ec2"


def test_everything_that_is_missing_is_reported_at_once() -> None:
    lines = mistakes(load_worker, {"RUNS_FLEET_MODE": "k8s"})
    assert [line.partition(":")[0] for line in lines] == [
        "RUNS_FLEET_GITHUB_APP_ID",
        "RUNS_FLEET_GITHUB_PRIVATE_KEY_FILE",
        "RUNS_FLEET_K8S_RUNNER_IMAGE",
        "RUNS_FLEET_REPORT_SECRET",
        "RUNS_FLEET_VALKEY_URL",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("K8S_KUBECONFIG", "/nowhere/kubeconfig", "cannot be read (FileNotFoundError)"),
        ("K8S_NAMESPACE", "Runs_Fleet", "accepted: a namespace"),
        ("K8S_SERVICE_ACCOUNT", "-", "accepted: the name of an object"),
        ("K8S_RUNNER_IMAGE", "two words", "accepted: a container image"),
        ("K8S_IMAGE_PULL_POLICY", "Sometimes", "accepted: Always, IfNotPresent or Never"),
        ("K8S_IMAGE_PULL_SECRETS", "good,Bad_one", "accepted: a comma list of Secrets"),
        ("K8S_RUNNER_DIR", "runner", "not an absolute path"),
        ("K8S_DEFAULT_ARCH", "sparc", "accepted: amd64 or arm64"),
        ("K8S_NODE_SELECTOR", "pool", "'pool' is not key=value"),
        ("K8S_NODE_SELECTOR", "pool=a,pool=b", "'pool' is given twice"),
        ("K8S_NODE_SELECTOR", "-pool=a", "'-pool' is not a label's key"),
        ("K8S_NODE_SELECTOR", "pool=a b", "'a b' is not a label's value"),
        ("K8S_RESOURCE_LABELS", "runs-fleet.io/fleet=x", "is runs-fleet's own"),
        ("K8S_RESOURCE_LABELS", "app.kubernetes.io/managed-by=x", "is runs-fleet's own"),
        ("K8S_TOLERATIONS", "ci", "not JSON"),
        ("K8S_TOLERATIONS", "{}", "not a list"),
        ("K8S_TOLERATIONS", '[{"operator": "Equal"}]', "without a key the operator is Exists"),
        ("K8S_TOLERATIONS", '[{"key": "a", "operator": "Exists", "value": "b"}]', "no value"),
        ("K8S_TOLERATIONS", '[{"key": "a", "tolerationSeconds": 5}]', "needs the effect NoExecute"),
        ("K8S_TOLERATIONS", '[{"key": "a", "seconds": 5}]', "accepted: a JSON list"),
        ("K8S_VALKEY_PEERS", "[]", "too short"),
        ("K8S_VOLUME_ABOVE", "-1", "accepted: a number of GiB"),
        ("K8S_STORAGE_CLASS", "Fast!", "accepted: the name of an object"),
        ("VALKEY_URL", "valkey:6379", "not a redis or rediss address"),
        ("VALKEY_URL", "redis://valkey:port", "not a redis or rediss address"),
        ("VALKEY_URL", "redis://valkey:6379/first", "the number of a database"),
        ("VALKEY_URL", "redis://user@valkey", "no user, query or fragment"),
        ("VALKEY_USERNAME", "worker", "RUNS_FLEET_VALKEY_USERNAME is set and this is not"),
        ("VALKEY_CA_FILE", __file__, "is not a rediss address"),
        ("VALKEY_RUNNER_USERNAME", "runner", "a user or password is set"),
    ],
)
def test_a_mistake_says_what_would_be_accepted(variable: str, value: str, said: str) -> None:
    [line] = mistakes(load_worker, {**K8S, f"RUNS_FLEET_{variable}": value})
    assert said in line
    assert "; accepted: " in line


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"RUNS_FLEET_VALKEY_RUNNER_PASSWORD": ""}, "missing, though a user or password is set"),
        ({"RUNS_FLEET_VALKEY_RUNNER_PASSWORD": "workers-password"}, "must not be the worker's"),
        ({"RUNS_FLEET_VALKEY_RUNNER_USERNAME": "worker"}, "must not be the worker's"),
    ],
)
def test_runners_are_somebody_else_than_the_worker(changed: dict[str, str], said: str) -> None:
    [line] = mistakes(load_worker, {**K8S, **USERS, **changed})
    assert said in line


def test_agents_report_as_their_own_user() -> None:
    address = load(USERS).runner_reports().get_secret_value()
    assert address == "redis://runner:p%40ss%2Fword@valkey:6379?stream=runs-fleet:reports"


def test_agents_may_see_valkey_elsewhere() -> None:
    elsewhere = {"RUNS_FLEET_VALKEY_RUNNER_URL": "rediss://valkey.example:6380/2/"}
    address = load(elsewhere).runner_reports().get_secret_value()
    assert address == "rediss://valkey.example:6380/2?stream=runs-fleet:reports"


def test_no_password_shows() -> None:
    settings = load(USERS)
    assert not re.search(
        "workers-password|p@ss|p%40ss", f"{settings!r} {settings.runner_reports()}"
    )
    with pytest.raises(BadSettings) as caught:
        load({**USERS, "RUNS_FLEET_VALKEY_URL": "redis://worker:workers-password@valkey"})
    assert not re.search("workers-password|p@ss", str(caught.value))


def test_lists_are_read_as_kubernetes_writes_them() -> None:
    toleration = {"key": "ci", "operator": "Exists", "effect": "NoSchedule"}
    settings = load(
        {
            "RUNS_FLEET_K8S_NODE_SELECTOR": "pool=ci, example.com/team=build",
            "RUNS_FLEET_K8S_TOLERATIONS": json.dumps([toleration]),
            "RUNS_FLEET_K8S_IMAGE_PULL_SECRETS": "one, two",
        }
    )
    assert settings.node_selector == {"pool": "ci", "example.com/team": "build"}
    assert [each.model_dump(exclude_defaults=True) for each in settings.tolerations] == [toleration]
    assert settings.image_pull_secrets == ("one", "two")


def test_a_pods_life_is_its_waiting_and_its_runtime() -> None:
    settings = load({"RUNS_FLEET_MAX_RUNTIME": "1h"})
    assert settings.longest_life == timedelta(minutes=80)


def test_a_pod_template_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text("spec:\n  dnsPolicy: Default\n")
    settings = load({"RUNS_FLEET_K8S_POD_TEMPLATE_FILE": str(file)})
    assert settings.pod_template() == {"spec": {"dnsPolicy": "Default"}}
    assert load({}).pod_template() == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "not YAML"),
        ("- a", "holds no object"),
        ("kind: Pod", "kind: only metadata and spec may be given"),
        ("spec: {restartPolicy: Always}", "spec.restartPolicy: a runner runs once"),
    ],
)
def test_a_pod_template_that_is_none_is_a_mistake(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(text)
    environ = {**K8S, "RUNS_FLEET_K8S_POD_TEMPLATE_FILE": str(file)}
    [line] = mistakes(load_worker, environ)
    assert said in line


@pytest.mark.parametrize(
    ("mode", "sqs", "valkey"),
    [("ec2", "https://sqs.example/1/spool.fifo", None), ("k8s", None, "redis://valkey:6379")],
)
def test_the_apis_spool_is_its_modes(mode: str, sqs: str | None, valkey: str | None) -> None:
    settings = load_api(
        {
            **API,
            "RUNS_FLEET_MODE": mode,
            "RUNS_FLEET_EC2_SPOOL_QUEUE_URL": "https://sqs.example/1/spool.fifo",
            "RUNS_FLEET_VALKEY_URL": "redis://valkey:6379",
        }
    )
    assert (settings.sqs_spool, settings.valkey_spool) == (sqs, valkey)


def test_an_agent_in_a_pod_is_told_where_its_files_are() -> None:
    settings = load_agent(
        {
            "RUNS_FLEET_MODE": "k8s",
            "RUNS_FLEET_POD_NAME": "runs-fleet-7-1-abcde",
            "RUNS_FLEET_MACHINE_ID": "runs-fleet-7-1",
            "RUNS_FLEET_K8S_SECRETS_DIR": "/tmp/secrets",
        }
    )
    assert (settings.machine_id, settings.pod_name) == ("runs-fleet-7-1", "runs-fleet-7-1-abcde")
    assert settings.k8s_config_dir == Path("/etc/runs-fleet/config")
    assert settings.k8s_secrets_dir == Path("/tmp/secrets")
