"""What a pool's Deployment says: pods of a runner's size and place, that do nothing."""

from dataclasses import replace
from typing import Any

import pytest

from runs_fleet.models import RunnerSpec, Span
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.providers.k8s import placeholder
from tests.k8s.orders import ON_DEMAND, SPOT, order
from tests.k8s.pods import SITE, pod_of

Json = dict[str, Any]
OPERATORS: Json = {
    "metadata": {
        "labels": {"team": "build"},
        "annotations": {"sidecar.istio.io/inject": "false"},
    },
    "spec": {
        "runtimeClassName": "gvisor",
        "schedulerName": "packing",
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["cache"]}],
        "tolerations": [{"key": "ci", "operator": "Exists"}],
        "containers": [
            {"name": "runner", "resources": {"requests": {"nvidia.com/gpu": "1"}}},
            {"name": "logs", "image": "distroless", "resources": {"requests": {"cpu": "50m"}}},
        ],
    },
}


def made(site: Any = SITE, *, replicas: int = 3, **spec: Any) -> Json:
    asked = RunnerSpec.model_validate(spec)
    wanted = PlaceholderOrder(pool="warm", spec=asked, replicas=replicas)
    return placeholder.deployment(wanted, site)


def pod(deployment: Json) -> Json:
    spec: Json = deployment["spec"]["template"]["spec"]
    return spec


LABELS = {
    "app.kubernetes.io/managed-by": "runs-fleet",
    "runs-fleet.io/fleet": "default",
    "runs-fleet.io/pool": "warm",
    "runs-fleet.io/placeholder": "true",
}


def test_a_deployment_in_whole() -> None:
    found = made(arch="arm64", cpu=Span(least=4, most=8))
    assert found["metadata"] == {
        "name": "runs-fleet-pool-warm",
        "namespace": "ci",
        "labels": LABELS,
    }
    template = found["spec"].pop("template")
    assert template["metadata"] == {"labels": LABELS}
    assert found["spec"] == {
        "replicas": 3,
        "revisionHistoryLimit": 1,
        "strategy": placeholder.ROLLING,
        "selector": {"matchLabels": LABELS},
    }


def test_its_pod_in_whole() -> None:
    runner = pod_of(order(arch="arm64", cpu=Span(least=4, most=8), pool="warm"))
    (container,) = runner["containers"]
    alike = ("nodeSelector", "tolerations", "securityContext")
    assert pod(made(arch="arm64", cpu=Span(least=4, most=8))) == {
        **{key: runner[key] for key in alike},
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "runs-fleet-placeholder",
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "runner",
                "image": SITE.image,
                "imagePullPolicy": "IfNotPresent",
                "command": placeholder.ASLEEP,
                "resources": container["resources"],
                "securityContext": container["securityContext"],
            }
        ],
    }


@pytest.mark.parametrize(("spot", "rung"), [(True, SPOT), (False, ON_DEMAND)])
def test_placeholders_go_where_the_first_order_of_a_job_goes(spot: bool, rung: Any) -> None:
    runner = pod_of(order(spot=spot, rung=rung, families=("c7g",), pool="warm"))
    found = pod(made(spot=spot, families=("c7g",)))
    assert found.get("tolerations") == runner.get("tolerations")
    assert found["affinity"] == runner["affinity"]


def test_what_the_operator_says_of_runners_pods_holds_for_placeholders() -> None:
    found = made(replace(SITE, template=OPERATORS))
    spec = pod(found)
    assert (spec["runtimeClassName"], spec["schedulerName"]) == ("gvisor", "packing")
    assert spec["tolerations"][-1] == {"key": "ci", "operator": "Exists"}
    assert spec["containers"][0]["resources"]["requests"]["nvidia.com/gpu"] == "1"
    metadata = found["spec"]["template"]["metadata"]
    assert metadata["labels"]["team"] == "build"
    assert metadata["annotations"] == {"sidecar.istio.io/inject": "false"}


def test_a_container_beside_the_runner_keeps_its_room_without_its_image() -> None:
    logs = pod(made(replace(SITE, template=OPERATORS)))["containers"][1]
    assert (logs["name"], logs["image"]) == ("logs", SITE.image)
    assert logs["resources"]["requests"] == {"cpu": "50m"}


def test_a_placeholder_for_docker_has_the_daemon_s_room_and_image() -> None:
    found = pod(made(docker=True))
    daemon = found["containers"][1]
    assert (daemon["name"], daemon["image"]) == ("docker", SITE.docker.image)
    assert daemon["resources"]["requests"] == {"cpu": "100m", "memory": "256Mi"}
    assert [each["securityContext"] for each in found["containers"]] == [
        {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    ] * 2
    assert "initContainers" not in found


def test_nothing_of_a_runner_is_in_a_placeholder() -> None:
    said = str(made(replace(SITE, template=OPERATORS), disk=20))
    strange = ("runs-fleet.io/runner", "job-id", "secret", "configMap", "RUNS_FLEET_", "hostAlias")
    assert [each for each in strange if each in said] == []
    assert "do-not-disrupt" not in said


def test_a_placeholder_s_class_is_the_operator_s() -> None:
    site = replace(SITE, priority_class="runner", placeholder_priority_class="low")
    assert pod(made(site))["priorityClassName"] == "low"
    assert pod_of(order(), site)["priorityClassName"] == "runner"
