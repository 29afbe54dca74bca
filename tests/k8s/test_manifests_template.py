"""What the operator may lay over a runner's pod, and what comes of it."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from runs_fleet.models import Rung
from runs_fleet.providers.k8s import manifests
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import merged, problems
from tests.k8s.orders import ON_DEMAND, SPOT, order

SITE = Site("ci", "registry.example/runner:1")
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def laid_over(text: str, **asked: Any) -> dict[str, Any]:
    template = yaml.safe_load(text)
    assert problems(template) == []
    pod: dict[str, Any] = manifests.job(order(**asked), replace(SITE, template=template))["spec"][
        "template"
    ]
    return pod


def test_things_are_merged_by_name() -> None:
    pod = laid_over(
        """
        metadata: {annotations: {example.com/team: build}}
        spec:
          dnsPolicy: Default
          containers:
            - name: runner
              env: [{name: HTTPS_PROXY, value: "http://proxy"}]
              resources: {limits: {nvidia.com/gpu: 1}}
            - {name: cache, image: "cache:1"}
          volumes: [{name: extra, emptyDir: {}}]
        """
    )
    runner, cache = pod["spec"]["containers"]
    plain = manifests.job(order(), SITE)["spec"]["template"]["spec"]["containers"][0]
    assert pod["metadata"]["annotations"]["example.com/team"] == "build"
    assert pod["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"
    assert runner["env"][-1] == {"name": "HTTPS_PROXY", "value": "http://proxy"}
    assert len(runner["env"]) == len(plain["env"]) + 1
    assert runner["resources"]["limits"] == {**plain["resources"]["limits"], "nvidia.com/gpu": 1}
    assert cache["image"] == "cache:1"
    assert [each["name"] for each in pod["spec"]["volumes"]] == [
        "config",
        "secrets",
        "work",
        "extra",
    ]


def test_nothing_removes() -> None:
    pod = laid_over(
        "spec: {containers: [{name: runner, resources: {limits: {memory: null}}}]}",
    )
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "4"}


def test_a_volume_is_replaced_since_it_has_one_source() -> None:
    pod = laid_over("spec: {volumes: [{name: work, hostPath: {path: /fast}}]}")
    assert {"name": "work", "hostPath": {"path": "/fast"}} in pod["spec"]["volumes"]


def test_tolerations_are_added() -> None:
    pod = laid_over("spec: {tolerations: [{key: gpu, operator: Exists}]}")
    plain = manifests.job(order(), SITE)["spec"]["template"]["spec"]["tolerations"]
    assert pod["spec"]["tolerations"] == [*plain, {"key": "gpu", "operator": "Exists"}]


@pytest.mark.parametrize(("rung", "conditions"), [(SPOT, 1), (ON_DEMAND, 7)])
def test_required_nodes_are_required_by_both(rung: Any, conditions: int) -> None:
    pod = laid_over(
        """
        spec:
          affinity:
            nodeAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                nodeSelectorTerms:
                  - matchExpressions: [{key: zone, operator: In, values: [a]}]
                  - matchFields: [{key: metadata.name, operator: In, values: [n]}]
        """,
        rung=rung,
    )
    terms = pod["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    assert len(terms) == 2
    assert len(terms[0]["matchExpressions"]) == conditions
    assert terms[1]["matchFields"][0]["values"] == ["n"]


def test_other_affinities_do_not_touch_ours() -> None:
    pod = laid_over(
        "spec: {affinity: {podAntiAffinity: {}, nodeAffinity: {preferred: []}}}", rung=ON_DEMAND
    )
    assert len(pod["spec"]["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]) == 1


def test_the_pod_that_was_given_is_not_changed() -> None:
    pod = {"metadata": {}, "spec": {"containers": [{"name": "runner", "env": []}]}}
    before = repr(pod)
    merged(pod, {"spec": {"containers": [{"name": "runner", "env": [{"name": "A"}]}]}})
    assert repr(pod) == before


def test_what_is_said_of_dockers_containers_is_for_jobs_that_have_them() -> None:
    text = """
        spec:
          initContainers:
            - {name: docker, resources: {requests: {cpu: 1}}}
            - {name: externals, resources: {requests: {cpu: 10m}}}
            - {name: mine, image: "mine:1"}
        """
    plain, docker = laid_over(text), laid_over(text, docker=True)
    assert [each["name"] for each in plain["spec"]["initContainers"]] == ["mine"]
    there = {each["name"]: each for each in docker["spec"]["initContainers"]}
    assert there["docker"]["resources"]["requests"]["cpu"] == 1
    assert there["docker"]["image"]


@pytest.mark.parametrize("text", ["spec: {affinity: }", "spec: {affinity: {nodeAffinity: }}"])
@pytest.mark.parametrize("rung", [SPOT, ON_DEMAND])
def test_a_template_without_affinities_leaves_a_runner_those_it_needs(
    text: str, rung: Rung
) -> None:
    plain = manifests.job(order(rung=rung), SITE)["spec"]["template"]["spec"].get("affinity")
    mine = laid_over(text, rung=rung)["spec"].get("affinity")
    assert (mine or {}).get("nodeAffinity", {}).get(REQUIRED) == (plain or {}).get(
        "nodeAffinity", {}
    ).get(REQUIRED)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: Pod", "kind: only metadata and spec may be given"),
        ("spec: []", "spec: not an object"),
        ("metadata: {name: x}", "metadata.name: only labels and annotations may be given"),
        ("metadata: {labels: {runs-fleet.io/runner: x}}", "is runs-fleet's own"),
        ("metadata: {labels: {app.kubernetes.io/managed-by: x}}", "is runs-fleet's own"),
        ("metadata: {annotations: {runs-fleet.io/token: x}}", "is runs-fleet's own"),
        ("spec: {restartPolicy: Always}", "spec.restartPolicy: a runner runs once"),
        ("spec: {automountServiceAccountToken: true}", "a runner's pod gets no token"),
        ("spec: {serviceAccountName: admin}", "use RUNS_FLEET_K8S_SERVICE_ACCOUNT"),
        ("spec: {volumes: [{name: secrets, emptyDir: {}}]}", "spec.volumes.secrets"),
        ("spec: {volumes: [{name: config, emptyDir: {}}]}", "spec.volumes.config"),
        ("spec: {containers: [{image: x}]}", "spec.containers: each needs a name"),
        ("spec: {containers: [{name: runner, image: x}]}", "use RUNS_FLEET_K8S_RUNNER_IMAGE"),
        (
            "spec: {containers: [{name: runner, env: [{name: RUNS_FLEET_MODE, value: ec2}]}]}",
            "RUNS_FLEET_MODE is runs-fleet's own",
        ),
        (
            "spec: {containers: [{name: x, volumeMounts: [{name: secrets, mountPath: /s}]}]}",
            "the volume secrets is the runner's alone",
        ),
        (
            "spec: {containers: [{name: runner, volumeMounts: "
            "[{name: x, mountPath: /etc/runs-fleet/config}]}]}",
            "mounts on /etc/runs-fleet are runs-fleet's own",
        ),
        ("spec: {containers: [{name: x, $patch: delete}]}", "$patch: not understood"),
        ("metadata: {labels: }", "metadata.labels: is empty"),
        ("spec: {containers: }", "spec.containers: is empty"),
        ("spec: {volumes: }", "spec.volumes: is empty"),
        ("spec: {containers: [{name: runner, env: }]}", "container runner: env: is empty"),
        ("spec: {initContainers: [{name: docker, volumeMounts: }]}", "volumeMounts: is empty"),
        ("spec: {containers: [{name: runner, env: [A=1]}]}", "env: each must be an object"),
    ],
)
def test_what_makes_a_runner_a_runner_stays(text: str, said: str) -> None:
    [line] = problems(yaml.safe_load(text))
    assert said in line


def test_all_problems_are_told_at_once() -> None:
    assert len(problems({"kind": "Pod", "spec": {"restartPolicy": "Never", "nodeName": "n"}})) == 3
