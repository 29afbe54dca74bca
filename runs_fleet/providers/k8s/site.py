"""Where in a cluster a fleet makes its runners, and how their pods look there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from runs_fleet.models import Arch

if TYPE_CHECKING:
    from runs_fleet.settings import K8sSettings

ANY_VALKEY: Mapping[str, Any] = {
    "namespaceSelector": {},
    "podSelector": {"matchLabels": {"app.kubernetes.io/name": "valkey"}},
}
DEFAULT_PORT = 6379
# Beyond what a lifecycle grants, so that the Job's own deadline only ever ends what nobody owns.
MARGIN = 600
# For the agent to report after its runner has stopped.
REPORTING = 30


@dataclass(frozen=True)
class Docker:
    """The daemon beside jobs that ask for one."""

    image: str = "docker:28-dind-rootless"
    rootless: bool = True


@dataclass(frozen=True)
class Storage:
    """When a disk is a volume: above so many GiB, or never; and of which class."""

    volume_above: int | None = None
    storage_class: str = ""


@dataclass(frozen=True)
class Site:
    """What all runners of a fleet have in common; seconds are whole."""

    namespace: str
    image: str
    fleet: str = "default"
    service_account: str = "default"
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    runner_dir: str = "/opt/actions-runner"
    runner_group: str = "Default"
    stop_grace: int = 90
    deadline: int = 48_000
    default_arch: Arch | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    priority_class: str = ""
    placeholder_priority_class: str = "runs-fleet-placeholder"
    labels: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    docker: Docker = Docker()
    storage: Storage = Storage()
    valkey_port: int = DEFAULT_PORT
    valkey_peers: tuple[Mapping[str, Any], ...] = (ANY_VALKEY,)

    @property
    def termination_grace(self) -> int:
        """How long a pod that is told to end may take."""
        return self.stop_grace + REPORTING


def site(settings: K8sSettings) -> Site:
    """Read a site from what the operator set."""
    return Site(
        namespace=settings.namespace,
        image=settings.runner_image,
        fleet=settings.fleet,
        service_account=settings.service_account,
        pull_policy=settings.image_pull_policy,
        pull_secrets=settings.image_pull_secrets,
        runner_dir=str(settings.runner_dir),
        runner_group=settings.github_runner_group,
        stop_grace=int(settings.stop_grace.total_seconds()),
        deadline=int(settings.longest_life.total_seconds()) + MARGIN,
        default_arch=settings.default_arch,
        node_selector=settings.node_selector,
        tolerations=tuple(each.model_dump(exclude_defaults=True) for each in settings.tolerations),
        priority_class=settings.priority_class,
        placeholder_priority_class=settings.placeholder_priority_class,
        labels=settings.resource_labels,
        template=settings.pod_template(),
        docker=Docker(settings.docker_image, settings.docker_rootless),
        storage=Storage(settings.volume_above, settings.storage_class),
        valkey_port=urlsplit(settings.valkey_runner_url or settings.valkey_url).port
        or DEFAULT_PORT,
        valkey_peers=settings.valkey_peers,
    )
