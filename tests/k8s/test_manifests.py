"""What a runner's objects say, whole and part by part."""

import json
from dataclasses import replace
from typing import Any

import pytest

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import manifests, resources
from tests.k8s.orders import order
from tests.k8s.pods import ROOMY, SITE, pod_of, runner_of

CONFIG = RunnerConfig("runs-fleet-7-1", "jit", "key", "redis://valkey", 60.0, 3600.0)
LABELS = {
    "app.kubernetes.io/managed-by": "runs-fleet",
    "runs-fleet.io/fleet": "default",
    "runs-fleet.io/runner": "runs-fleet-7-1",
    "runs-fleet.io/job-id": "7",
    "runs-fleet.io/attempt": "1",
}
NOTES = {
    "runs-fleet.io/repo": "o/r",
    "runs-fleet.io/token": "runs-fleet-7-1-1",
    "runs-fleet.io/market": "spot",
    "runs-fleet.io/machine-type": "4cpu-8gib",
}
TOLERATED = [
    {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true"},
    {"key": "cloud.google.com/gke-preemptible", "operator": "Equal", "value": "true"},
    {"key": "eks.amazonaws.com/capacityType", "operator": "Equal", "value": "SPOT"},
    {"key": "kubernetes.azure.com/scalesetpriority", "operator": "Equal", "value": "spot"},
    {"key": "karpenter.sh/capacity-type", "operator": "Equal", "value": "spot"},
    {"key": "runs-fleet.io/preemptible", "operator": "Exists"},
]
RUNNER = {
    "name": "runner",
    "image": "registry.example/runner:1",
    "imagePullPolicy": "IfNotPresent",
    "env": [
        {"name": "RUNS_FLEET_MODE", "value": "k8s"},
        {"name": "RUNS_FLEET_MACHINE_ID", "value": "runs-fleet-7-1"},
        {"name": "RUNS_FLEET_RUNNER_DIR", "value": "/opt/actions-runner"},
        {"name": "RUNS_FLEET_K8S_CONFIG_DIR", "value": "/etc/runs-fleet/config"},
        {"name": "RUNS_FLEET_K8S_SECRETS_DIR", "value": "/etc/runs-fleet/secrets"},
        {"name": "RUNS_FLEET_AGENT_STOP_GRACE", "value": "90s"},
        {
            "name": "RUNS_FLEET_POD_NAME",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
        },
    ],
    "resources": {
        "requests": {"cpu": "4", "memory": "8Gi"},
        "limits": {"memory": "8Gi", "cpu": "8"},
    },
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "volumeMounts": [
        {"name": "config", "mountPath": "/etc/runs-fleet/config", "readOnly": True},
        {"name": "secrets", "mountPath": "/etc/runs-fleet/secrets", "readOnly": True},
        {"name": "work", "mountPath": "/opt/actions-runner/_work"},
    ],
}
POD = {
    "serviceAccountName": "default",
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "nodeSelector": {"kubernetes.io/arch": "arm64"},
    "tolerations": TOLERATED,
    "restartPolicy": "Never",
    "terminationGracePeriodSeconds": 120,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1001,
        "runAsGroup": 1001,
        "fsGroup": 1001,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [RUNNER],
    "volumes": [
        {"name": "config", "configMap": {"name": "runs-fleet-7-1"}},
        {
            "name": "secrets",
            "secret": {"secretName": "runs-fleet-7-1", "defaultMode": 0o440},
        },
        {"name": "work", "emptyDir": {}},
    ],
}
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "name": "runs-fleet-7-1",
        "namespace": "ci",
        "labels": LABELS,
        "annotations": NOTES,
    },
    "spec": {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [
                {
                    "action": "FailJob",
                    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                }
            ]
        },
        "ttlSecondsAfterFinished": 300,
        "activeDeadlineSeconds": 48_000,
        "template": {
            "metadata": {
                "labels": LABELS,
                "annotations": {
                    **NOTES,
                    "karpenter.sh/do-not-disrupt": "true",
                    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                },
            },
            "spec": POD,
        },
    },
}


def test_a_job_in_whole() -> None:
    asked = order(7, arch="arm64", cpu=Span(least=4, most=8))
    assert manifests.job(asked, SITE) == JOB


@pytest.mark.parametrize(
    ("spec", "requests", "limits"),
    [
        ({}, {"cpu": "2", "memory": "4Gi"}, {"cpu": "4", "memory": "4Gi"}),
        (
            {"cpu": Span(least=1), "ram": Span(least=16)},
            {"cpu": "1", "memory": "16Gi"},
            {"memory": "16Gi"},
        ),
        (
            {"cpu": Span(least=4, most=4), "ram": Span(least=8, most=32)},
            {"cpu": "4", "memory": "8Gi"},
            {"cpu": "4", "memory": "32Gi"},
        ),
        (
            {"disk": 100},
            {"cpu": "2", "memory": "4Gi", "ephemeral-storage": "100Gi"},
            {"cpu": "4", "memory": "4Gi", "ephemeral-storage": "100Gi"},
        ),
        ({"disk": 101}, {"cpu": "2", "memory": "4Gi"}, {"cpu": "4", "memory": "4Gi"}),
    ],
)
def test_the_least_is_requested_and_the_most_allowed(
    spec: dict[str, Any], requests: dict[str, str], limits: dict[str, str]
) -> None:
    asked = RunnerSpec.model_validate(spec)
    assert resources.runner(asked, ROOMY.storage) == {"requests": requests, "limits": limits}


def test_what_the_operator_set_is_in_the_pod() -> None:
    site = replace(
        SITE,
        service_account="runner",
        pull_policy="Always",
        pull_secrets=("one", "two"),
        priority_class="ci",
        stop_grace=10,
        deadline=60,
        runner_dir="/home/runner",
    )
    asked = order()
    pod = pod_of(asked, site)
    assert pod["serviceAccountName"] == "runner"
    assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}]
    assert pod["priorityClassName"] == "ci"
    assert pod["terminationGracePeriodSeconds"] == 40
    assert pod["containers"][0]["imagePullPolicy"] == "Always"
    assert pod["containers"][0]["volumeMounts"][-1]["mountPath"] == "/home/runner/_work"
    assert manifests.job(asked, site)["spec"]["activeDeadlineSeconds"] == 60


def test_the_operators_labels_are_on_everything_and_ours_stay() -> None:
    site = replace(ROOMY, labels={"team": "build", "runs-fleet.io/runner": "another"})
    asked = order(private=True, disk=500, pool="warm")
    made = [
        manifests.job(asked, site),
        manifests.job(asked, site)["spec"]["template"],
        *manifests.dependents(asked, site, owner="uid"),
    ]
    kept = [(each["metadata"]["labels"]) for each in made]
    assert {each["team"] for each in kept} == {"build"}
    assert {each["runs-fleet.io/pool"] for each in kept} == {"warm"}
    assert {each["runs-fleet.io/runner"] for each in kept} == {asked.runner}


def test_all_that_a_job_needs_belongs_to_it() -> None:
    asked = order(private=True, disk=500)
    made = list(manifests.dependents(asked, ROOMY, owner="some-uid"))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": asked.runner, "uid": "some-uid"}
    assert [each["kind"] for each in made] == [
        "ConfigMap",
        "NetworkPolicy",
        "PersistentVolumeClaim",
    ]
    assert all(each["metadata"]["ownerReferences"] == [owner] for each in made)
    assert {each["metadata"]["name"] for each in made} == {asked.runner}


def test_a_plain_job_needs_only_its_config_map() -> None:
    [made] = manifests.dependents(order(8, pool="warm"), SITE, owner="uid")
    assert made["data"] == {
        "repo": "o/r",
        "labels": json.dumps(["runs-fleet", "linux"]),
        "runner_group": "Default",
        "job_id": "8",
        "runner": "runs-fleet-8-1",
        "attempt": "1",
        "pool": "warm",
    }


def test_a_secret_bears_the_marks_of_its_job() -> None:
    job = manifests.job(order(7), SITE)
    job["metadata"]["uid"] = "some-uid"
    made = manifests.secret("runs-fleet-7-1", CONFIG, owner=job, reports_ca="PEM")
    assert made["metadata"]["labels"] == job["metadata"]["labels"]
    assert made["metadata"]["ownerReferences"][0]["uid"] == "some-uid"
    assert made["stringData"] == {
        "runner": "runs-fleet-7-1",
        "jit_config": "jit",
        "report_key": "key",
        "reports": "redis://valkey",
        "idle_limit": "60.0",
        "max_runtime": "3600.0",
        "reports_ca": "PEM",
    }


def test_a_private_runner_reaches_dns_public_https_and_valkey_only() -> None:
    site = replace(SITE, valkey_port=6380, valkey_peers=({"ipBlock": {"cidr": "10.1.2.3/32"}},))
    asked = order(private=True)
    [policy] = [
        each
        for each in manifests.dependents(asked, site, owner="uid")
        if each["kind"] == "NetworkPolicy"
    ]
    spec = policy["spec"]
    dns, public, valkey = spec["egress"]
    assert spec["podSelector"] == {"matchLabels": {"runs-fleet.io/runner": asked.runner}}
    assert (spec["policyTypes"], "ingress" in spec) == (["Ingress", "Egress"], False)
    assert {(each["protocol"], each["port"]) for each in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert public["ports"] == [{"protocol": "TCP", "port": 443}]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(
        public["to"][0]["ipBlock"]["except"]
    )
    assert valkey == {
        "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
        "ports": [{"protocol": "TCP", "port": 6380}],
    }


def test_a_large_disk_is_a_volume() -> None:
    asked = order(disk=500)
    *_, claim = manifests.dependents(asked, ROOMY, owner="uid")
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "500Gi"}},
        "storageClassName": "fast",
    }
    assert {"name": "work", "persistentVolumeClaim": {"claimName": asked.runner}} in pod_of(
        asked, ROOMY
    )["volumes"]
    assert "ephemeral-storage" not in runner_of(asked, ROOMY)["resources"]["requests"]


def test_a_cache_is_mounted_where_its_pool_says() -> None:
    asked = order(pool="warm").model_copy(update={"cache": "runs-fleet-cache-warm-0"})
    spec = manifests.job(asked, SITE, cache="/home/runner/cache")["spec"]["template"]["spec"]
    plain = pod_of(asked)
    claim = {"claimName": "runs-fleet-cache-warm-0"}
    volume = {"name": "pool-cache", "persistentVolumeClaim": claim}
    assert spec["volumes"] == [*plain["volumes"], volume]
    mount = {"name": "pool-cache", "mountPath": "/home/runner/cache"}
    assert spec["containers"][0]["volumeMounts"] == [
        *plain["containers"][0]["volumeMounts"],
        mount,
    ]
