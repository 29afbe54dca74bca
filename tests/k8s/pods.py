"""The pods of orders, and the sites they are made for."""

from dataclasses import replace
from typing import Any

from runs_fleet.providers.k8s import manifests
from runs_fleet.providers.k8s.site import Site, Storage

SITE = Site("ci", "registry.example/runner:1")
ROOMY = replace(SITE, storage=Storage(volume_above=100, storage_class="fast"))


def pod_of(asked: Any, site: Site = SITE) -> dict[str, Any]:
    spec: dict[str, Any] = manifests.job(asked, site)["spec"]["template"]["spec"]
    return spec


def runner_of(asked: Any, site: Site = SITE) -> dict[str, Any]:
    container: dict[str, Any] = pod_of(asked, site)["containers"][0]
    return container
