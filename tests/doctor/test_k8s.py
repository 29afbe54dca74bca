"""What the doctor says of a cluster, asked as a service account that lacks one right."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.checks import k8s
from cli.checks.findings import Area, Finding, examine
from cli.checks.k8s import Site
from cli.checks.rights import ROLE, Right, needed
from runs_fleet.settings import K8sSettings, load_worker
from simulator.kube.cluster import Cluster, write_kubeconfig
from tests.doctor import rbac
from tests.doctor.conftest import found, patiently
from tests.test_settings_k8s import K8S

# The first test of a process starts the world, which takes long on a loaded machine.
pytestmark = pytest.mark.timeout(240)

RIGHTS = list(needed())


def settings(namespace: str, kubeconfig: Path | None = None, **changed: str) -> K8sSettings:
    variables = {f"RUNS_FLEET_K8S_{name}": value for name, value in changed.items()}
    variables["RUNS_FLEET_K8S_NAMESPACE"] = namespace
    variables["RUNS_FLEET_K8S_KUBECONFIG"] = str(kubeconfig or "")
    loaded = load_worker({**K8S, **variables})
    assert isinstance(loaded, K8sSettings)
    return loaded


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def worker(control_plane: Cluster, namespace: str, stack: ExitStack) -> Site:
    """A worker's service account that may do nothing yet."""
    return reached(stack, settings(namespace, rbac.account(control_plane, namespace)))


@pytest.fixture
def owner(control_plane: Cluster, namespace: str, stack: ExitStack) -> Site:
    """Somebody who may see everything."""
    return reached(stack, settings(namespace, control_plane.kubeconfig))


def reached(stack: ExitStack, worker: K8sSettings) -> Site:
    opened = k8s.opened(stack, settings=worker)
    assert opened.site is not None, opened.verdicts
    return opened.site


async def settled(site: Site, said: str) -> Finding:
    """What is found as soon as the server knows of all new rights: it learns of them by and by."""

    async def told() -> Finding | None:
        finding = await found(k8s.permissions, site)
        return finding if finding.said == said else None

    finding = await patiently(told)
    assert finding is not None
    return finding


async def test_a_worker_with_every_right_is_well(
    control_plane: Cluster, namespace: str, worker: Site
) -> None:
    rbac.grant(control_plane, namespace)
    finding = await settled(worker, f"all {len(RIGHTS)} rights in {namespace}")
    assert finding.status == "ok"


@pytest.mark.parametrize("right", [RIGHTS[0], RIGHTS[-1]], ids=str)
async def test_a_right_that_is_missing_is_named(
    control_plane: Cluster, namespace: str, worker: Site, right: Right
) -> None:
    rbac.grant(control_plane, namespace, without=right)
    finding = await settled(worker, f"may not {right}")
    assert (finding.status, "Role" in finding.cure) == ("failed", True)


async def test_a_worker_that_may_not_look_skips_what_it_need_not_see(worker: Site) -> None:
    looks = (k8s.namespace, k8s.service_account)
    assert [(await found(look, worker)).status for look in looks] == ["skipped"] * 2


async def test_a_restricted_namespace_with_its_account_is_well(owner: Site) -> None:
    looks = (k8s.namespace, k8s.service_account, k8s.pull_secrets, k8s.runner_image)
    assert [(await found(look, owner)).status for look in looks] == ["ok"] * 4


async def test_a_namespace_that_lets_any_pod_in_is_warned_of(
    control_plane: Cluster, privileged_namespace: str, stack: ExitStack
) -> None:
    site = reached(stack, settings(privileged_namespace, control_plane.kubeconfig))
    finding = await found(k8s.namespace, site)
    assert (finding.status, "enforce=restricted" in finding.cure) == ("warning", True)


async def test_a_namespace_that_is_not_there_fails(
    control_plane: Cluster, stack: ExitStack
) -> None:
    site = reached(stack, settings("never-was", control_plane.kubeconfig))
    finding = await found(k8s.namespace, site)
    assert (finding.status, "kubectl create namespace never-was" in finding.cure) == (
        "failed",
        True,
    )


async def test_a_service_account_that_is_not_there_fails(
    control_plane: Cluster, namespace: str, stack: ExitStack
) -> None:
    asked = settings(namespace, control_plane.kubeconfig, SERVICE_ACCOUNT="nobody")
    finding = await found(k8s.service_account, reached(stack, asked))
    assert (finding.status, "'nobody'" in finding.said) == ("failed", True)


async def test_a_pull_secret_that_is_not_there_fails(
    control_plane: Cluster, namespace: str, stack: ExitStack
) -> None:
    asked = settings(namespace, control_plane.kubeconfig, IMAGE_PULL_SECRETS="registry")
    finding = await found(k8s.pull_secrets, reached(stack, asked))
    assert (finding.status, "registry" in finding.said) == ("failed", True)


@pytest.mark.parametrize(
    ("image", "policy", "status", "words"),
    [
        ("registry.example:5000/runner:2.1", "IfNotPresent", "ok", ""),
        (f"registry.example/runner@sha256:{'0' * 64}", "IfNotPresent", "ok", ""),
        ("registry.example:5000/runner", "IfNotPresent", "warning", "no tag of its own"),
        ("registry.example/runner:latest", "IfNotPresent", "warning", "no tag of its own"),
        ("registry.example/runner:2.1", "Always", "warning", "asks the registry"),
        ("registry.example/runner:2.1", "Never", "warning", "beforehand"),
    ],
)
async def test_an_image_that_may_differ_from_node_to_node_is_warned_of(
    owner: Site, image: str, policy: str, status: str, words: str
) -> None:
    changed = {"runner_image": image, "image_pull_policy": policy}
    site = Site(owner.client, owner.settings.model_copy(update=changed))
    finding = await found(k8s.runner_image, site)
    assert (finding.status, words in finding.said) == (status, True)


async def test_a_cluster_that_nobody_answers_for_fails(tmp_path: Path) -> None:
    away = tmp_path / "away.kubeconfig"
    cluster = {"server": "https://127.0.0.1:1"}
    write_kubeconfig(away, cluster=cluster, user={"token": "none"})
    finding = await opening(settings("any", away))
    assert (finding.status, "127.0.0.1" in finding.said) == ("failed", True)


async def test_outside_a_cluster_a_kubeconfig_is_asked_for() -> None:
    finding = await opening(settings("any"))
    assert (finding.status, "RUNS_FLEET_K8S_KUBECONFIG" in finding.cure) == ("failed", True)


async def opening(worker: K8sSettings) -> Finding:
    area = Area("k8s", k8s.OPENS, lambda stack: k8s.opened(stack, settings=worker))
    return (await examine([area]))[0]


def test_no_right_is_listed_twice() -> None:
    assert len(set(RIGHTS)) == len(RIGHTS) == sum(len(verbs) for _, _, verbs in ROLE)
