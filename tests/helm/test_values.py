"""What operators may write, and what they are told when it is wrong."""

import json
from typing import Any

import pytest
import yaml

from runs_fleet.settings.loading import known
from tests.helm.chart import CASES, CHART, VALUES, Helm, Refused

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
README = (CHART / "README.md").read_text()
# Variables that have a value of their own, and those that workers or images set for agents.
SPOKEN_FOR = {
    f"RUNS_FLEET_{name}"
    for name in (
        "MODE BACKENDS PORT METRICS_PORT READY_FILE WEBHOOK_SECRETS REPORT_SECRET GITHUB_APP_ID "
        "GITHUB_PRIVATE_KEY GITHUB_PRIVATE_KEY_FILE K8S_KUBECONFIG K8S_NAMESPACE "
        "K8S_SERVICE_ACCOUNT K8S_RUNNER_IMAGE K8S_IMAGE_PULL_POLICY K8S_IMAGE_PULL_SECRETS "
        "K8S_NODE_SELECTOR K8S_TOLERATIONS K8S_RESOURCE_LABELS K8S_POD_TEMPLATE_FILE "
        "K8S_PRIORITY_CLASS K8S_PLACEHOLDER_PRIORITY_CLASS POOLS "
        "K8S_VALKEY_PEERS VALKEY_URL VALKEY_USERNAME VALKEY_PASSWORD VALKEY_CA_FILE "
        "VALKEY_RUNNER_URL VALKEY_RUNNER_USERNAME VALKEY_RUNNER_PASSWORD AGENT_CONFIG_TIMEOUT "
        "RUNNER_DIR MACHINE_ID POD_NAME K8S_CONFIG_DIR K8S_SECRETS_DIR"
    ).split()
}
K8S = "k8s"


def refusal(helm: Helm, *more: str, case: str = K8S) -> str:
    with pytest.raises(Refused) as refused:
        helm.template(case, *more)
    return str(refused.value)


def settings(values: dict[str, Any], schema: dict[str, Any], path: str = "") -> list[str]:
    """List where the defaults and the schema know different names."""
    reference = str(schema.get("$ref", "")).rpartition("/")[2]
    described = SCHEMA["definitions"][reference] if reference else schema
    fields = described.get("properties")
    if fields is None:
        return []
    differ = [f"{path}{name}" for name in (values.keys() ^ fields.keys()) - {"global"}]
    inner = [(name, each) for name, each in values.items() if isinstance(each, dict)]
    return differ + [
        wrong for name, each in inner for wrong in settings(each, fields[name], f"{path}{name}.")
    ]


def leaves(values: dict[str, Any], path: str = "") -> list[str]:
    """List all values by their full names."""
    return [
        leaf
        for name, each in values.items()
        for leaf in (
            leaves(each, f"{path}{name}.") if isinstance(each, dict) and each else [path + name]
        )
    ]


@pytest.mark.parametrize("case", CASES)
def test_the_chart_is_in_order(helm: Helm, case: str) -> None:
    said = helm("lint", "--strict", str(CHART), "--values", str(VALUES / f"{case}.yaml"))
    assert "0 chart(s) failed" in said


def test_the_schema_knows_the_values_and_no_others() -> None:
    values = {**DEFAULTS, "runners": {**DEFAULTS["runners"], "podTemplate": []}}
    assert settings(values, SCHEMA) == []


def test_every_variable_is_a_value_or_may_stand_in_config() -> None:
    allowed = set(SCHEMA["properties"]["config"]["propertyNames"]["enum"])
    assert allowed == known() - SPOKEN_FOR


@pytest.mark.parametrize("value", leaves(DEFAULTS))
def test_the_readme_explains_every_value(value: str) -> None:
    any_worker = value.replace("workers.ec2.", "workers.k8s.")
    assert f"`{any_worker}`" in README


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ("imagge.tag=1", "imagge"),
        ("image.tga=1", "tga"),
        ("image.repository=registry/server@sha256:0", "image.repository"),
        ("image.digest=sha256:short", "image.digest"),
        ("image.pullPolicy=Sometimes", "image.pullPolicy"),
        ("temporal.address=https://temporal.example", "temporal.address"),
        ("temporal.tls.enabled=perhaps", "temporal.tls.enabled"),
        ("github.appId=an id", "github.appId"),
        ("secrets.githubPrivateKey=key", "secrets.githubPrivateKey"),
        ("secrets.webhookSecrets={short}", "secrets.webhookSecrets.0"),
        ("secrets.reportSecret=short", "secrets.reportSecret"),
        ("secrets.valkeyPassword=short", "secrets.valkeyPassword"),
        ("config.RUNS_FLEET_MAX_RUNTIM=6h", "RUNS_FLEET_MAX_RUNTIM"),
        ("config.RUNS_FLEET_REPORT_SECRET=not-here", "RUNS_FLEET_REPORT_SECRET"),
        ("config.RUNS_FLEET_FLEET.a=b", "config.RUNS_FLEET_FLEET"),
        ("api.defaultBackend=gce", "api.defaultBackend"),
        ("api.replicas=-1", "api.replicas"),
        ("api.service.port=0", "api.service.port"),
        ("api.service.type=Ingress", "api.service.type"),
        ("workers.gce.enabled=true", "gce"),
        ("workers.k8s.replica=2", "workers.k8s"),
        ("workers.k8s.extraEnv[0].value=1", "workers.k8s.extraEnv.0"),
        ("runners.namespace=Runners", "runners.namespace"),
        ("runners.podSecurity=lax", "runners.podSecurity"),
        ("runners.imagePullSecrets={A_B}", "runners.imagePullSecrets.0"),
        ("runners.podTemplate.kind=Pod", "runners.podTemplate"),
        ("runners.priorityClasses.runner=Not_This", "runners.priorityClasses.runner"),
        ("pools[0].mode=k8s", "pools.0"),
        ("valkey.maxMemory=1Gi", "valkey.maxMemory"),
        ("valkey.persistence.size=large", "valkey.persistence.size"),
        ("valkey.users.runner=two words", "valkey.users.runner"),
        ("valkey.external.url=http://valkey", "valkey.external.url"),
        ("valkey.external.url=redis://me:password@valkey", "valkey.external.url"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_its_name(
    helm: Helm, wrong: str, field: str
) -> None:
    said = refusal(helm, "--set", wrong)
    assert field in said
    assert "schema" in said


@pytest.mark.parametrize(
    ("case", "wrong", "said"),
    [
        (K8S, "image.repository=", "image.repository: missing"),
        (K8S, "temporal.address=", "temporal.address: missing"),
        (K8S, "github.appId=", "github.appId: missing"),
        (K8S, "runners.image=", "runners.image: missing"),
        (K8S, "workers.k8s.enabled=false", "workers: none is enabled"),
        (K8S, "api.defaultBackend=ec2", "api.defaultBackend: ec2, and workers.ec2 is not"),
        (K8S, "secrets.githubPrivateKey=", "secrets.githubPrivateKey: missing"),
        (K8S, "secrets.webhookSecrets=null", "secrets.webhookSecrets: missing"),
        (K8S, "secrets.reportSecret=", "secrets.reportSecret: missing"),
        (K8S, "secrets.valkeyPassword=", "secrets.valkeyPassword: missing"),
        (K8S, "secrets.existingSecret=mine", "secrets.reportSecret: stands beside"),
        (K8S, "secrets.valkeyRunnerPassword=the-fleets-own-password", "must not be secrets."),
        (K8S, "valkey.enabled=false", "valkey.external.url: missing"),
        (K8S, "valkey.external.url=redis://v", "valkey.external.url: stands beside"),
        (K8S, "valkey.users.runner=fleet", "valkey.users.runner: must not be"),
        (K8S, "workers.ec2.enabled=true", "config.RUNS_FLEET_EC2_SUBNETS: missing"),
        (K8S, f"runners.namespace={'n' * 64}", "is longer than 63 characters"),
        ("external", "valkey.external.url=redis://v", "valkey.external.caSecret: is for a rediss"),
        ("external", "temporal.tls.enabled=false", "temporal.tls.clientSecret: needs"),
    ],
)
def test_values_that_do_not_go_together_are_refused(
    helm: Helm, case: str, wrong: str, said: str
) -> None:
    assert said in refusal(helm, "--set", wrong, case=case)


def test_everything_that_is_missing_is_named_at_once(helm: Helm) -> None:
    with pytest.raises(Refused) as refused:
        helm("template", "ci", str(CHART))
    missing = ("image.repository", "temporal.address", "github.appId", "secrets.reportSecret")
    assert [name for name in missing if f"- {name}: missing" not in str(refused.value)] == []


def test_a_secret_is_not_shown_by_what_refuses_it(helm: Helm) -> None:
    assert "hush" not in refusal(
        helm, "--set", "secrets.reportSecret=hush,secrets.valkeyPassword=hush"
    )
