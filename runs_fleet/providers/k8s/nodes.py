"""On which nodes a runner may be; pure.

Spot taints and labels:
https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms
https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html
https://learn.microsoft.com/en-us/azure/aks/spot-node-pool
https://karpenter.sh/docs/concepts/scheduling/
"""

from collections.abc import Iterator
from typing import Any

from runs_fleet.models import Market, RunnerSpec
from runs_fleet.placement import family
from runs_fleet.providers.k8s.site import Site

ARCH = "kubernetes.io/arch"
PREEMPTIBLE = "runs-fleet.io/preemptible"
SPOT = (
    ("cloud.google.com/gke-spot", "true"),
    ("cloud.google.com/gke-preemptible", "true"),
    ("eks.amazonaws.com/capacityType", "SPOT"),
    ("kubernetes.azure.com/scalesetpriority", "spot"),
    ("karpenter.sh/capacity-type", "spot"),
)
FAMILY = "karpenter.k8s.aws/instance-family"
CATEGORY = "karpenter.k8s.aws/instance-category"
GENERATION = "karpenter.k8s.aws/instance-generation"
# From here on, EC2's general families all have a variant, so that `c7` means c7a, c7g, c7i...
FIRST_VARIANTS_ONLY = 6
GENERAL_PURPOSE = frozenset({"c", "m", "r"})


def placement(spec: RunnerSpec, site: Site, market: Market) -> dict[str, Any]:
    """Say which nodes will do, as the fields of a pod's spec."""
    spot = market is Market.SPOT
    terms = _terms(spec, [] if spot else list(_not_spot()))
    fields: dict[str, Any] = {
        "nodeSelector": _selector(spec, site),
        "tolerations": [*site.tolerations, *(_spot_tolerations() if spot else ())],
        "affinity": {"nodeAffinity": _required(terms)} if terms else {},
    }
    return {key: value for key, value in fields.items() if value}


def _selector(spec: RunnerSpec, site: Site) -> dict[str, str]:
    arch = spec.arch or site.default_arch
    return {**site.node_selector, **({ARCH: arch} if arch else {})}


def _spot_tolerations() -> Iterator[dict[str, str]]:
    for key, value in SPOT:
        yield {"key": key, "operator": "Equal", "value": value}
    yield {"key": PREEMPTIBLE, "operator": "Exists"}


def _not_spot() -> Iterator[dict[str, Any]]:
    """Stay away also from spot nodes that bear no taint; a node without the label will do."""
    for key, value in (*SPOT, (PREEMPTIBLE, "true")):
        yield _expression(key, value, operator="NotIn")


def _terms(spec: RunnerSpec, always: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Terms are alternatives: one for each family, and what always holds in each of them."""
    if spec.gen is not None:
        always = [*always, _expression(GENERATION, str(spec.gen))]
    alternatives = [_family(name) for name in spec.families] or [[]]
    return [{"matchExpressions": [*each, *always]} for each in alternatives if each or always]


def _family(name: str) -> list[dict[str, Any]]:
    """Read `c7g` as that family, `c7` as all of that series and generation, `c` as the series."""
    asked = family(name)
    if asked.generation == 0:
        return [_expression(CATEGORY, asked.series)]
    general = asked.series in GENERAL_PURPOSE and asked.generation >= FIRST_VARIANTS_ONLY
    if general and not asked.variant:
        return [
            _expression(CATEGORY, asked.series),
            _expression(GENERATION, str(asked.generation)),
        ]
    return [_expression(FAMILY, name)]


def _expression(key: str, value: str, *, operator: str = "In") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": [value]}


def _required(terms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
