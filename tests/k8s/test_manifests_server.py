"""Every variant of every object is one that a real API server takes, as strict as it can be."""

from dataclasses import replace
from typing import Any

import pytest
from kubernetes.client import ApiClient

from runs_fleet.errors import Refused
from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import Cache
from runs_fleet.pools.wire import PlaceholderOrder
from runs_fleet.ports import RunnerConfig
from runs_fleet.providers.k8s import caches, manifests, placeholder
from runs_fleet.providers.k8s.cluster import Cluster
from runs_fleet.providers.k8s.rest import Rest
from runs_fleet.providers.k8s.site import Docker, Site, Storage
from tests.k8s.orders import ON_DEMAND, order

PODS = "/api/v1/namespaces/{}/pods?dryRun=All&fieldValidation=Strict"
VARIANTS: list[dict[str, Any]] = [
    {},
    {"rung": ON_DEMAND},
    {"arch": "arm64", "families": ("c7g", "m7", "r"), "gen": 7, "rung": ON_DEMAND},
    {"cpu": {"least": 1}, "ram": {"least": 1, "most": 896}},
    {"disk": 20, "pool": "warm"},
    {"disk": 500, "private": True, "repo": "o/" + "r" * 200},
]
DOCKER: list[dict[str, Any]] = [{"docker": True}, {"docker": True, "disk": 500}]
EVERYTHING: dict[str, Any] = {
    "storage": Storage(volume_above=100, storage_class="fast"),
    "pull_secrets": ("registry",),
    "node_selector": {"pool": "ci"},
    "tolerations": ({"key": "ci", "operator": "Equal", "value": "only", "effect": "NoSchedule"},),
    "labels": {"team": "build"},
    "default_arch": "amd64",
    "template": {
        "metadata": {"annotations": {"example.com/team": "build"}},
        "spec": {
            "dnsPolicy": "Default",
            "containers": [{"name": "runner", "env": [{"name": "HTTPS_PROXY", "value": "x"}]}],
        },
    },
}


def pod_of(body: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", **body["spec"]["template"]} | {
        "metadata": {**body["spec"]["template"]["metadata"], "name": "tried-out"}
    }


@pytest.fixture(params=[{}, EVERYTHING], ids=["plain", "everything"])
def any_site(request: pytest.FixtureRequest, site: Site) -> Site:
    return replace(site, **request.param)


@pytest.mark.parametrize("asked", VARIANTS + DOCKER)
def test_every_job_is_taken(cluster: Cluster, any_site: Site, asked: dict[str, Any]) -> None:
    cluster.try_out(manifests.job(order(**asked), any_site))


@pytest.mark.parametrize("asked", VARIANTS)
def test_restricted_pod_security_takes_every_pod(
    api: ApiClient, any_site: Site, asked: dict[str, Any]
) -> None:
    body = pod_of(manifests.job(order(**asked), any_site))
    Rest(api).post(PODS.format(any_site.namespace), body)


@pytest.mark.parametrize("rootless", [True, False])
@pytest.mark.parametrize("asked", DOCKER)
def test_docker_needs_a_privileged_namespace(
    api: ApiClient, site: Site, privileged_namespace: str, asked: dict[str, Any], rootless: bool
) -> None:
    somewhere = replace(site, docker=Docker("docker:dind", rootless), **EVERYTHING)
    body = pod_of(manifests.job(order(**asked), somewhere))
    with pytest.raises(Refused, match="violates PodSecurity"):
        Rest(api).post(PODS.format(site.namespace), body)
    Rest(api).post(PODS.format(privileged_namespace), body)


def test_all_that_a_job_needs_is_taken(cluster: Cluster, any_site: Site) -> None:
    asked = order(disk=500, private=True, pool="warm")
    job = cluster.create(manifests.job(asked, any_site))
    owner = job["metadata"]["uid"]
    config = RunnerConfig(asked.runner, "j" * 4100, "k" * 64, "redis://valkey", 60.0, 3600.0)
    cluster.try_out(manifests.config_map(asked, any_site, owner=owner))
    cluster.try_out(manifests.network_policy(asked, any_site, owner=owner))
    cluster.try_out(manifests.volume_claim(asked, any_site, owner=owner))
    cluster.try_out(manifests.secret(asked.runner, config, owner=job, reports_ca="PEM"))


@pytest.mark.parametrize("spot", [True, False])
def test_placeholders_are_taken_and_so_are_their_pods(
    cluster: Cluster, api: ApiClient, any_site: Site, spot: bool
) -> None:
    # A class that every cluster has, in the place of the operator's.
    somewhere = replace(any_site, placeholder_priority_class="system-node-critical")
    spec = RunnerSpec(arch="arm64", disk=20, docker=True, spot=spot)
    wanted = PlaceholderOrder(pool="p" * 30, spec=spec, replicas=2)
    body = placeholder.deployment(wanted, somewhere)
    cluster.try_out(body)
    Rest(api).post(PODS.format(any_site.namespace), pod_of(body))


def test_caches_are_taken(cluster: Cluster, any_site: Site) -> None:
    cache = Cache(size=1024, volumes=100, storage_class="fast")
    cluster.try_out(caches.claim("p" * 30, 99, cache, site=any_site))
