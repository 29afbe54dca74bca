"""The pod of one runner; pure."""

from typing import Any

from runs_fleet.models import MachineOrder, RunnerSpec
from runs_fleet.providers.k8s import docker, nodes, resources
from runs_fleet.providers.k8s.marks import annotations, labels
from runs_fleet.providers.k8s.site import Site
from runs_fleet.providers.k8s.template import CONFIG, MOUNTS, RUNNER, SECRETS, merged

USER = 1001
WORK = "work"
CACHE = "pool-cache"
CONFIG_DIR = f"{MOUNTS}/config"
SECRETS_DIR = f"{MOUNTS}/secrets"
# Readable for the pod's group, which is the runner's.
GROUP_READS = 0o440
# https://karpenter.sh/docs/concepts/disruption/#pod-level-controls
# https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md
LEAVE_ALONE = {
    "karpenter.sh/do-not-disrupt": "true",
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
}


def template(order: MachineOrder, site: Site, *, cache: str = "") -> dict[str, Any]:
    """Make the pod's template: as restricted as Pod Security knows, unless the job has Docker.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    pod = {
        "metadata": {
            "labels": labels(order, site),
            "annotations": {**annotations(order), **LEAVE_ALONE},
        },
        "spec": {
            **_common(site),
            **nodes.placement(order.spec, site, order.rung.market),
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": site.termination_grace,
            "securityContext": _security(order.spec, site),
            "containers": [_runner(order, site)],
            "volumes": _volumes(order, site),
        },
    }
    if cache:
        _lay_in(pod["spec"], order.cache, at=cache)
    if order.spec.docker:
        pod["spec"]["initContainers"] = docker.init_containers(
            order.spec, site, work=_work(order.spec, site), on_disk=_on_disk(order.spec, site)
        )
    return merged(pod, site.template)


def _lay_in(spec: dict[str, Any], claim: str, *, at: str) -> None:
    spec["volumes"].append({"name": CACHE, "persistentVolumeClaim": {"claimName": claim}})
    spec["containers"][0]["volumeMounts"].append({"name": CACHE, "mountPath": at})


def _common(site: Site) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "serviceAccountName": site.service_account,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    if site.priority_class:
        fields["priorityClassName"] = site.priority_class
    if site.pull_secrets:
        fields["imagePullSecrets"] = [{"name": name} for name in site.pull_secrets]
    return fields


def security() -> dict[str, Any]:
    """The pod's security context; its group may read what is mounted."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def confined() -> dict[str, Any]:
    """A container's security context."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _security(spec: RunnerSpec, site: Site) -> dict[str, Any]:
    if spec.docker and site.docker.rootless:
        # The daemon's socket belongs to its own user and group.
        return {**security(), "supplementalGroups": [docker.ROOTLESS_USER]}
    return security()


def _runner(order: MachineOrder, site: Site) -> dict[str, Any]:
    with_docker = order.spec.docker
    return {
        "name": RUNNER,
        "image": site.image,
        "imagePullPolicy": site.pull_policy,
        "env": _variables(order, site),
        "resources": resources.runner(order.spec, site.storage),
        "securityContext": confined(),
        "volumeMounts": [
            {"name": CONFIG, "mountPath": CONFIG_DIR, "readOnly": True},
            {"name": SECRETS, "mountPath": SECRETS_DIR, "readOnly": True},
            _work(order.spec, site),
            *(docker.runner_mounts() if with_docker else []),
        ],
    }


def _variables(order: MachineOrder, site: Site) -> list[dict[str, Any]]:
    """Nothing secret: whoever may read pods reads these."""
    plain = {
        "RUNS_FLEET_MODE": "k8s",
        "RUNS_FLEET_MACHINE_ID": order.runner,
        "RUNS_FLEET_RUNNER_DIR": site.runner_dir,
        "RUNS_FLEET_K8S_CONFIG_DIR": CONFIG_DIR,
        "RUNS_FLEET_K8S_SECRETS_DIR": SECRETS_DIR,
        "RUNS_FLEET_AGENT_STOP_GRACE": f"{site.stop_grace}s",
    }
    if order.spec.docker:
        plain["DOCKER_HOST"] = docker.SOCKET
    return [
        *({"name": name, "value": value} for name, value in plain.items()),
        {
            "name": "RUNS_FLEET_POD_NAME",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
        },
    ]


def _volumes(order: MachineOrder, site: Site) -> list[dict[str, Any]]:
    on_disk = _on_disk(order.spec, site)
    work = {"persistentVolumeClaim": {"claimName": order.runner}} if on_disk else {"emptyDir": {}}
    return [
        {"name": CONFIG, "configMap": {"name": order.runner}},
        # Not optional: the pod waits for it, and for nothing else.
        {"name": SECRETS, "secret": {"secretName": order.runner, "defaultMode": GROUP_READS}},
        {"name": WORK, **work},
        *(docker.volumes(on_disk=on_disk) if order.spec.docker else []),
    ]


def _work(spec: RunnerSpec, site: Site) -> dict[str, Any]:
    mount = {"name": WORK, "mountPath": f"{site.runner_dir}/_work"}
    return {**mount, "subPath": "work"} if _on_disk(spec, site) else mount


def _on_disk(spec: RunnerSpec, site: Site) -> bool:
    return resources.has_volume(spec, site.storage)
