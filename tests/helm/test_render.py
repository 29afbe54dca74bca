"""What the chart renders, read as the objects that it is."""

from pathlib import Path
from typing import Any

import pytest

from cli.checks.rights import Right, needed
from runs_fleet.queues import valkey_users
from tests.helm.chart import CASES, CHART, NAMESPACE, VALUES, Helm, Objects
from worker.serving import GRACE

API_DRAIN = 15


@pytest.fixture(params=CASES)
def objects(request: pytest.FixtureRequest, helm: Helm) -> Objects:
    return helm.template(request.param)


def names(objects: list[dict[str, Any]]) -> set[str]:
    return {each["metadata"]["name"] for each in objects}


def test_rendering_twice_gives_the_same(helm: Helm) -> None:
    asked = ("template", "ci", str(CHART), "--values", str(VALUES / "both.yaml"))
    assert helm(*asked) == helm(*asked)


def test_every_object_says_where_it_belongs(objects: Objects) -> None:
    homeless = [each for each in objects if "namespace" not in each["metadata"]]
    assert {each["kind"] for each in homeless} <= {"Namespace", "PriorityClass"}


def test_no_two_objects_are_the_same(objects: Objects) -> None:
    seen = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(seen) == len(set(seen))


def test_every_selector_finds_the_pods_of_its_own_only(objects: Objects) -> None:
    found = [pod["metadata"]["labels"].items() for pod in objects.pods()]
    selectors = [
        each["spec"]["selector"]["matchLabels"].items() for each in objects.kind("Deployment")
    ]
    assert [sum(selector <= labels for labels in found) for selector in selectors] == [1] * len(
        selectors
    )


def test_no_pod_has_a_token_but_the_worker_of_kubernetes_mode(objects: Objects) -> None:
    holders = [
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in objects.pods()
        if pod["spec"]["automountServiceAccountToken"]
    ]
    assert set(holders) <= {"worker-k8s"}
    accounts = objects.kind("ServiceAccount")
    assert not any(each["automountServiceAccountToken"] for each in accounts)


def test_nothing_secret_stands_outside_of_secrets(helm: Helm) -> None:
    objects = helm.template("k8s")
    (secret,) = objects.kind("Secret")
    hidden = [line for text in secret["stringData"].values() for line in text.split("\n") if line]
    shown = str([each for each in objects if each["kind"] != "Secret"])
    assert [each for each in hidden if each in shown] == []


def test_a_release_may_use_a_secret_of_somebody_else(helm: Helm) -> None:
    objects = helm.template("external")
    assert objects.kind("Secret") == []
    assert "runs-fleet-secrets" in str(objects.one("Deployment", "worker-k8s"))


def test_a_service_leads_to_the_api(helm: Helm) -> None:
    objects = helm.template("both")
    spec = objects.one("Service", "fleet-api")["spec"]
    pod = objects.one("Deployment", "fleet-api")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert spec["selector"].items() <= pod["metadata"]["labels"].items()
    assert spec["ports"] == [{"name": "http", "port": 8443, "targetPort": "http"}]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}


@pytest.mark.parametrize("deployment", ["worker-k8s", "worker-ec2"])
def test_a_worker_counts_once_it_serves(helm: Helm, deployment: str) -> None:
    pod = helm.template("both").one("Deployment", deployment)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    file = told["RUNS_FLEET_READY_FILE"]
    assert container["readinessProbe"]["exec"] == {"command": ["test", "-f", file]}
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    [volume] = [each for each in pod["volumes"] if each["name"] == mounts[str(Path(file).parent)]]
    assert "emptyDir" in volume


def test_the_number_of_workers_can_be_left_to_an_autoscaler(helm: Helm) -> None:
    chosen = helm.template("both", "--set", "workers.k8s.replicas=null")
    assert "replicas" not in chosen.one("Deployment", "worker-k8s")["spec"]
    assert "replicas" in chosen.one("Deployment", "worker-ec2")["spec"]


@pytest.mark.parametrize(
    ("deployment", "least"),
    [("fleet-api", API_DRAIN + 5), ("worker-k8s", GRACE.seconds), ("worker-ec2", GRACE.seconds)],
)
def test_a_pod_is_given_the_time_to_drain(helm: Helm, deployment: str, least: int) -> None:
    pod = helm.template("both").one("Deployment", deployment)["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > least


@pytest.mark.parametrize("case", CASES)
def test_the_role_is_what_the_worker_uses_and_nothing_else(helm: Helm, case: str) -> None:
    granted = [
        Right(group, resource, verb)
        for role in helm.template(case).kind("Role")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    expected = {"k8s": sorted(needed()), "both": sorted(needed())}
    assert sorted(granted) == expected.get(case, [])


def test_nothing_holds_for_the_whole_cluster(objects: Objects) -> None:
    assert objects.kind("ClusterRole") + objects.kind("ClusterRoleBinding") == []


def test_the_users_of_valkey_are_those_that_the_queues_need(helm: Helm) -> None:
    secret = helm.template("both").one("Secret", "fleet")["stringData"]
    assert secret["users.acl"] == valkey_users.file(
        valkey_users.runner("pods", secret["valkey-runner-password"]),
        valkey_users.fleet("workers", secret["valkey-password"]),
    )


def test_ec2_mode_alone_brings_nothing_of_kubernetes_mode(helm: Helm) -> None:
    objects = helm.template("ec2")
    assert {each["metadata"]["namespace"] for each in objects} == {NAMESPACE}
    assert objects.kind("StatefulSet") + objects.kind("Role") + objects.kind("Namespace") == []
    assert names(objects.kind("Deployment")) == {"ci-runs-fleet-api", "ci-runs-fleet-worker-ec2"}


def test_both_modes_have_workers_and_share_an_api(helm: Helm) -> None:
    deployments = names(helm.template("both").kind("Deployment"))
    assert deployments == {"fleet-api", "fleet-worker-k8s", "fleet-worker-ec2"}


def test_the_runners_namespace_lets_only_restricted_pods_in_and_outlives_the_release(
    helm: Helm,
) -> None:
    metadata = helm.template("k8s").one("Namespace", f"{NAMESPACE}-runners")["metadata"]
    assert metadata["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert metadata["annotations"]["helm.sh/resource-policy"] == "keep"


def test_runners_may_live_beside_the_release(helm: Helm) -> None:
    objects = helm.template("k8s", "--set", f"runners.namespace={NAMESPACE}")
    assert objects.kind("Namespace") == []
    assert objects.one("Role", "worker")["metadata"]["namespace"] == NAMESPACE


@pytest.mark.parametrize(
    ("change", "restarted"),
    [
        ("config.RUNS_FLEET_MAX_RUNTIME=1h", {"api", "worker-k8s"}),
        ("secrets.reportSecret=another-report-secret", {"api", "worker-k8s"}),
        ("secrets.valkeyPassword=another-password-of-it", {"api", "worker-k8s", "valkey"}),
        ("valkey.maxMemory=1gb", {"valkey"}),
        ("api.service.port=81", set()),
    ],
)
def test_a_change_restarts_whom_it_concerns(helm: Helm, change: str, restarted: set[str]) -> None:
    before, after = helm.template("k8s"), helm.template("k8s", "--set", change)
    changed = [
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in after.pods()
        if pod not in list(before.pods())
    ]
    assert set(changed) == restarted


def test_long_names_still_fit(helm: Helm) -> None:
    objects = helm.template("k8s", "--set", f"fullnameOverride={'n' * 60}")
    classes = objects.kind("PriorityClass")
    assert max(len(name) for name in names([o for o in objects if o not in classes])) <= 52


def classes(objects: Objects) -> dict[str, int]:
    return {each["metadata"]["name"]: each["value"] for each in objects.kind("PriorityClass")}


def test_runners_are_worth_more_than_placeholders_and_no_more_than_others(helm: Helm) -> None:
    assert classes(helm.template("k8s")) == {
        f"{NAMESPACE}-ci-runs-fleet-placeholder": -10,
        f"{NAMESPACE}-ci-runs-fleet-runner": 0,
    }


def test_where_release_and_namespace_have_one_name_the_classes_have_it_too(helm: Helm) -> None:
    objects = helm.template("k8s", "--set", f"fullnameOverride={NAMESPACE}")
    assert set(classes(objects)) == {f"{NAMESPACE}-placeholder", f"{NAMESPACE}-runner"}


def test_who_may_not_make_classes_names_others(helm: Helm) -> None:
    own = "runners.priorityClasses.create=false,runners.priorityClasses.placeholder=low"
    objects = helm.template("k8s", "--set", own)
    assert classes(objects) == {}
    (config,) = [o for o in objects.kind("ConfigMap") if "RUNS_FLEET_BACKENDS" in o["data"]]
    told = {name: value for name, value in config["data"].items() if "PRIORITY" in name}
    assert told == {"RUNS_FLEET_K8S_PLACEHOLDER_PRIORITY_CLASS": "low"}


def test_without_pools_nothing_is_mounted(helm: Helm) -> None:
    assert "pools.yaml" not in str(helm.template("k8s"))


def test_a_change_of_pools_restarts_nobody(helm: Helm) -> None:
    before, after = (
        helm.template("k8s", "--set", f"pools[0].name=default,pools[0].max={most}")
        for most in (1, 2)
    )
    assert list(before.pods()) == list(after.pods())
    assert before != after
