"""What a worker of Kubernetes mode is told."""

from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from runs_fleet.models import Arch
from runs_fleet.settings.common import LENGTH
from runs_fleet.settings.fields import (
    COMMAS,
    LOWER,
    AbsolutePath,
    DnsLabel,
    Duration,
    ReadableFile,
    read_text,
    setting,
)
from runs_fleet.settings.pairs import Labels, OwnLabels, Peers, Tolerations
from runs_fleet.settings.valkey import ValkeyForRunners
from runs_fleet.settings.worker import WorkerSettings

NAME = "the name of an object in Kubernetes"
IMAGE = "a container image"
PAIRS = "a comma list of key=value, each a label's"
# Each holds at least one ConfigMap, of up to a megabyte.
MOST_DAYS = 90

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
OptionalName = Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$")]
Image = Annotated[str, Field(pattern=r"^\S+$")]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]


class K8sSettings(ValkeyForRunners, WorkerSettings):
    """Settings of `runs-fleet worker` in Kubernetes mode."""

    kubeconfig: ReadableFile | None = setting(
        "K8S_KUBECONFIG", "a readable kubeconfig, or nothing inside the cluster", default=None
    )
    namespace: DnsLabel = setting("K8S_NAMESPACE", "a namespace", default="runs-fleet")
    service_account: Name = setting("K8S_SERVICE_ACCOUNT", NAME, default="default")
    runner_image: Image = setting("K8S_RUNNER_IMAGE", IMAGE)
    image_pull_policy: PullPolicy = setting(
        "K8S_IMAGE_PULL_POLICY", "Always, IfNotPresent or Never", default="IfNotPresent"
    )
    image_pull_secrets: Annotated[tuple[Name, ...], COMMAS] = setting(
        "K8S_IMAGE_PULL_SECRETS", "a comma list of Secrets", default=()
    )
    runner_dir: AbsolutePath = setting(
        "K8S_RUNNER_DIR",
        "the absolute path, in the image, of the directory that holds run.sh",
        default=Path("/opt/actions-runner"),
    )
    stop_grace: Duration = setting("AGENT_STOP_GRACE", LENGTH, default="90s")
    default_arch: Annotated[Arch | None, LOWER] = setting(
        "K8S_DEFAULT_ARCH", "amd64 or arm64", default=None
    )
    node_selector: Labels = setting("K8S_NODE_SELECTOR", PAIRS, default={})
    tolerations: Tolerations = setting(
        "K8S_TOLERATIONS", "a JSON list of tolerations as in a pod", default=()
    )
    priority_class: OptionalName = setting("K8S_PRIORITY_CLASS", NAME, default="")
    placeholder_priority_class: Name = setting(
        "K8S_PLACEHOLDER_PRIORITY_CLASS", NAME, default="runs-fleet-placeholder"
    )
    resource_labels: OwnLabels = setting(
        "K8S_RESOURCE_LABELS", f"{PAIRS}, none of runs-fleet's own", default={}
    )
    pod_template_file: ReadableFile | None = setting(
        "K8S_POD_TEMPLATE_FILE", "a readable file that holds part of a pod in YAML", default=None
    )
    docker_image: Image = setting("K8S_DOCKER_IMAGE", IMAGE, default="docker:28-dind-rootless")
    docker_rootless: bool = setting("K8S_DOCKER_ROOTLESS", "on or off", default=True)
    storage_class: OptionalName = setting("K8S_STORAGE_CLASS", NAME, default="")
    volume_above: Annotated[int | None, Field(ge=0)] = setting(
        "K8S_VOLUME_ABOVE", "a number of GiB, or nothing for never", default=None
    )
    archive_days: Annotated[int, Field(ge=0, le=MOST_DAYS)] = setting(
        "K8S_ARCHIVE_DAYS", f"a number of days from 0 for never to {MOST_DAYS}", default=7
    )
    valkey_peers: Peers = setting(
        "K8S_VALKEY_PEERS",
        "a JSON list of a NetworkPolicy's peers",
        default='[{"namespaceSelector": {}, "podSelector":'
        ' {"matchLabels": {"app.kubernetes.io/name": "valkey"}}}]',
    )

    @property
    def longest_life(self) -> timedelta:
        """How old a runner's pod may become, its waiting for a node and for a job included."""
        return self.boot_timeout + self.pickup_timeout + self.max_runtime

    @property
    def archives(self) -> bool:
        """Whether outcomes are kept."""
        return self.archive_days > 0

    def pod_template(self) -> Mapping[str, Any]:
        """Read the operator's part of every runner's pod; empty when there is none."""
        return _template(self.pod_template_file) if self.pod_template_file else {}

    @field_validator("pod_template_file")
    @classmethod
    def _is_a_template(cls, path: Path | None) -> Path | None:
        if path is not None:
            _template(path)
        return path


def _template(path: Path) -> Mapping[str, Any]:
    """Read and check a pod template. Imports late: an agent has neither YAML nor a provider."""
    from runs_fleet.providers.k8s.template import problems

    yaml = import_module("yaml")
    try:
        found = yaml.safe_load(read_text(path))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise ValueError("holds no object")
    if wrong := problems(found):
        raise ValueError("; ".join(wrong))
    return found
