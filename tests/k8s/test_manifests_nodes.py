"""On which nodes a runner's pod may be."""

from dataclasses import replace
from typing import Any

import pytest

from runs_fleet.providers.k8s import nodes
from tests.k8s.orders import ON_DEMAND, order
from tests.k8s.pods import SITE, pod_of


def required(pod: dict[str, Any]) -> list[dict[str, Any]]:
    affinity = pod["affinity"]["nodeAffinity"]
    terms: list[dict[str, Any]] = affinity["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    return terms


def test_an_on_demand_job_stays_away_from_spot_nodes() -> None:
    pod = pod_of(order(rung=ON_DEMAND))
    [term] = required(pod)
    assert "tolerations" not in pod
    found = term["matchExpressions"]
    assert {(each["key"], each["operator"], *each["values"]) for each in found} == {
        ("cloud.google.com/gke-spot", "NotIn", "true"),
        ("cloud.google.com/gke-preemptible", "NotIn", "true"),
        ("eks.amazonaws.com/capacityType", "NotIn", "SPOT"),
        ("kubernetes.azure.com/scalesetpriority", "NotIn", "spot"),
        ("karpenter.sh/capacity-type", "NotIn", "spot"),
        ("runs-fleet.io/preemptible", "NotIn", "true"),
    }


@pytest.mark.parametrize(
    ("family", "expressions"),
    [
        ("c7g", [("karpenter.k8s.aws/instance-family", "c7g")]),
        ("m5", [("karpenter.k8s.aws/instance-family", "m5")]),
        ("t4g", [("karpenter.k8s.aws/instance-family", "t4g")]),
        (
            "c7",
            [
                ("karpenter.k8s.aws/instance-category", "c"),
                ("karpenter.k8s.aws/instance-generation", "7"),
            ],
        ),
        ("r", [("karpenter.k8s.aws/instance-category", "r")]),
    ],
)
def test_a_family_is_read_as_on_ec2(family: str, expressions: list[tuple[str, str]]) -> None:
    [term] = required(pod_of(order(families=(family,))))
    found = [(each["key"], *each["values"]) for each in term["matchExpressions"]]
    assert found == expressions


def test_families_are_alternatives_and_the_rest_holds_for_each() -> None:
    terms = required(pod_of(order(families=("c7g", "m7g"), gen=7, rung=ON_DEMAND)))
    [first, second] = [term["matchExpressions"] for term in terms]
    assert (first[0]["values"], second[0]["values"]) == (["c7g"], ["m7g"])
    assert first[1:] == second[1:]
    assert {"key": nodes.GENERATION, "operator": "In", "values": ["7"]} in first


def test_a_spot_job_of_any_family_may_go_anywhere() -> None:
    assert "affinity" not in pod_of(order())


def test_the_operators_nodes_and_taints_come_on_top() -> None:
    site = replace(
        SITE,
        node_selector={"pool": "ci"},
        tolerations=({"key": "ci", "operator": "Exists"},),
        default_arch="amd64",
    )
    pod = pod_of(order(rung=ON_DEMAND), site)
    assert pod["nodeSelector"] == {"pool": "ci", "kubernetes.io/arch": "amd64"}
    assert pod["tolerations"] == [{"key": "ci", "operator": "Exists"}]
    assert pod_of(order(arch="arm64"), site)["nodeSelector"]["kubernetes.io/arch"] == "arm64"
