"""A release of the chart on a real API server, and what its worker may do there."""

from itertools import chain

import pytest

from cli.checks.rights import Right, needed
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import marks
from runs_fleet.providers.k8s.client import connect
from runs_fleet.providers.k8s.cluster import Cluster as Namespace
from runs_fleet.providers.k8s.configs import K8sConfigStore
from runs_fleet.providers.k8s.inventory import BELONGINGS, K8sInventory
from runs_fleet.providers.k8s.owners import Owners
from runs_fleet.providers.k8s.provider import K8sProvider
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Site, Storage
from simulator.kube.api import ApiError, Json
from simulator.kube.cluster import Cluster
from tests.helm.chart import CASES, CHART, VALUES, Helm, Objects
from tests.helm.conftest import NAME, PATIENCE, Release, listed
from tests.k8s.orders import order
from tests.kube.cluster import namespaced
from tests.simulator.waiting import until

STRICTLY = {"dryRun": "All", "fieldValidation": "Strict"}
IMAGE = "registry.example/runner:1"
CONFIG = RunnerConfig(
    runner="runner", jit_config="hidden", report_key="k", reports="redis://q",
    idle_limit=1, max_runtime=1,
)  # fmt: skip
PLURALS = {"NetworkPolicy": "networkpolicies", "PriorityClass": "priorityclasses"}
CLUSTER_WIDE = {"Namespace", "PriorityClass"}


def collection(thing: Json, namespace: str) -> str:
    """Where objects of this one's kind are."""
    version, kind = thing["apiVersion"], thing["kind"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = PLURALS.get(kind, f"{kind.lower()}s")
    if kind in CLUSTER_WIDE:
        return f"{root}/{plural}"
    return f"{root}/namespaces/{namespace}/{plural}"


def try_out(cluster: Cluster, thing: Json, namespace: str) -> None:
    """Have the server check an object as strictly as it can."""
    placed = {} if thing["kind"] in CLUSTER_WIDE else {"namespace": namespace}
    metadata = {**thing["metadata"], **placed}
    cluster.api.post(collection(thing, namespace), {**thing, "metadata": metadata}, **STRICTLY)


def pod(template: Json) -> Json:
    """The pod that a controller would make, without what would have to be there first."""
    spec = {**template["spec"], "serviceAccountName": "default"}
    spec.pop("priorityClassName", None)
    mounts = {each["name"] for one in spec["containers"] for each in one["volumeMounts"]}
    claimed = mounts - {each["name"] for each in spec["volumes"]}
    spec["volumes"] = [*spec["volumes"], *({"name": name, "emptyDir": {}} for name in claimed)]
    metadata = {**template["metadata"], "generateName": "pod-"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("case", CASES)
def test_the_server_takes_every_object_and_the_strictest_namespace_every_pod(
    control_plane: Cluster, helm: Helm, case: str
) -> None:
    objects = helm.template(case)
    with namespaced(control_plane) as namespace:
        for each in chain(objects, map(pod, objects.pods())):
            try_out(control_plane, each, namespace)


def test_the_strictest_namespace_refuses_a_pod_that_may_more(
    control_plane: Cluster, helm: Helm
) -> None:
    (first, *_) = map(pod, helm.template("k8s").pods())
    first["spec"]["securityContext"]["runAsNonRoot"] = False
    with namespaced(control_plane) as namespace, pytest.raises(ApiError, match="restricted"):
        try_out(control_plane, first, namespace)


def test_an_install_says_what_to_do_next(release: Release) -> None:
    expected = ("https://<your host>/webhook", "Workflow job", "runs-fleet doctor", "runs-on:")
    assert [each for each in expected if each not in release.notes] == []


def test_controllers_make_the_pods_of_a_release(release: Release) -> None:
    path = f"/api/v1/namespaces/{release.namespace}/pods"

    def made() -> set[str]:
        pods = listed(release.cluster, path)
        return {p["metadata"]["labels"]["app.kubernetes.io/component"] for p in pods}

    until(lambda: made() == {"api", "valkey", "worker-k8s"}, within=PATIENCE)


def test_an_upgrade_changes_what_it_is_told_to(release: Release) -> None:
    where = ("--namespace", release.namespace, "--reset-then-reuse-values")
    change = "config.RUNS_FLEET_MAX_RUNTIME=3h"
    release.helm("upgrade", NAME, str(CHART), *where, "--set", change)
    (config,) = [
        each
        for each in release.objects().kind("ConfigMap")
        if "RUNS_FLEET_MAX_RUNTIME" in each["data"]
    ]
    assert config["data"]["RUNS_FLEET_MAX_RUNTIME"] == "3h"


@pytest.mark.parametrize("right", list(needed()), ids=str)
def test_the_worker_may_do_its_work(release: Release, right: Right) -> None:
    assert release.may(right.verb, right.resource, group=right.group, namespace=release.runners)


@pytest.mark.parametrize(
    ("verb", "resource", "group"),
    [
        ("create", "pods", ""),
        ("create", "pods/exec", ""),
        ("get", "pods/log", ""),
        ("delete", "pods", ""),
        ("create", "serviceaccounts/token", ""),
        ("patch", "secrets", ""),
        ("watch", "secrets", ""),
        ("deletecollection", "secrets", ""),
        ("update", "jobs", "batch"),
        ("create", "roles", "rbac.authorization.k8s.io"),
        ("create", "rolebindings", "rbac.authorization.k8s.io"),
        ("delete", "leases", "coordination.k8s.io"),
        ("update", "deployments", "apps"),
        ("patch", "deployments/scale", "apps"),
        ("patch", "persistentvolumeclaims", ""),
        ("get", "priorityclasses", "scheduling.k8s.io"),
        ("*", "*", "*"),
    ],
)
def test_the_worker_may_do_nothing_else(
    release: Release, verb: str, resource: str, group: str
) -> None:
    assert not release.may(verb, resource, group=group, namespace=release.runners)


@pytest.mark.parametrize("right", list(needed()), ids=str)
def test_the_worker_may_do_none_of_it_elsewhere(release: Release, right: Right) -> None:
    elsewhere = [release.namespace, "kube-system", ""]
    allowed = [
        each
        for each in elsewhere
        if release.may(right.verb, right.resource, group=right.group, namespace=each)
    ]
    assert allowed == []


@pytest.mark.parametrize(
    ("verb", "resource"), [("get", "nodes"), ("list", "nodes"), ("get", "namespaces")]
)
def test_the_worker_sees_nothing_of_the_cluster(release: Release, verb: str, resource: str) -> None:
    assert not release.may(verb, resource)


def test_secrets_of_the_release_are_refused_to_the_worker(release: Release) -> None:
    path = f"/api/v1/namespaces/{release.namespace}/secrets"
    with pytest.raises(ApiError, match="forbidden"):
        release.worker.get(path)


def test_the_worker_orders_and_sweeps_with_its_rights(release: Release) -> None:
    wanted = order(private=True, disk=400)
    with connect(release.kubeconfig, pool=2) as client:
        cluster = Namespace(Rest(client), release.runners)
        owners, site = Owners(cluster), Site(release.runners, IMAGE, storage=Storage(100))
        made = K8sProvider(cluster, site, owners=owners).create(wanted)
        K8sConfigStore(cluster, owners=owners).store(made.machine_id, CONFIG)
        K8sConfigStore(cluster, owners=owners).store(made.machine_id, CONFIG)
        inventory = K8sInventory(cluster, fleet=site.fleet)
        seen = ([m.runner for m in inventory.machines()], len(inventory.configs()))
        inventory.terminate(made.machine_id)
        left = [each for kind in BELONGINGS for each in cluster.heads(kind, marks.RUNNER)]
    assert seen == ([wanted.runner], 1)
    assert left == []


@pytest.mark.parametrize("change", [{"privileged": True}, {"runAsUser": 0}])
def test_the_runners_namespace_refuses_pods_that_may_more(
    release: Release, change: dict[str, object]
) -> None:
    container = {"name": "c", "image": "example.com/c:1", "securityContext": change}
    body = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"},
        "spec": {"containers": [container]},
    }  # fmt: skip
    with pytest.raises(ApiError, match="PodSecurity"):
        try_out(release.cluster, body, release.runners)


def test_an_uninstall_leaves_the_runners_namespace(
    control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    helm = Helm(tmp_path_factory.mktemp("helm"), control_plane.kubeconfig)
    with namespaced(control_plane) as namespace:
        where, runners = ("--namespace", namespace), f"{namespace}-runners"
        helm("install", NAME, str(CHART), *where, "--values", str(VALUES / "k8s.yaml"))
        helm("uninstall", NAME, *where)
        kept = control_plane.api.get(f"/api/v1/namespaces/{runners}")
        control_plane.delete_namespace(runners)
    assert "deletionTimestamp" not in kept["metadata"]


def test_what_the_release_installed_is_what_it_renders(release: Release) -> None:
    values = ("--values", str(VALUES / "k8s.yaml"), "--namespace", release.namespace)
    rendered = Objects.of(release.helm("template", NAME, str(CHART), *values))
    assert {(o["kind"], o["metadata"]["name"]) for o in rendered} == {
        (o["kind"], o["metadata"]["name"]) for o in release.objects()
    }
