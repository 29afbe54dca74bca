"""Kubernetes: whether the worker may do its work, and runners' pods can start."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import kubernetes.config
import urllib3
from kubernetes.client import (
    ApiClient,
    AuthorizationV1Api,
    Configuration,
    CoreV1Api,
    VersionApi,
)
from kubernetes.client.exceptions import ApiException
from kubernetes.config import ConfigException

from cli.checks.findings import Look, Opened, Verdict, failed, skipped, warning, well, worst
from cli.checks.rights import Right, needed
from runs_fleet.errors import FleetError, NotThere, Refused, Unavailable
from runs_fleet.settings import K8sSettings

OPENS = ("Kubernetes API",)
# Sidecars that end with their pod, which docker=true needs, are on by default from here:
# https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
LEAST_MINOR = 29
FORBIDDEN, NOT_FOUND = 403, 404
PATIENCE = (5, 10)
ENFORCE = "pod-security.kubernetes.io/enforce"
TAG = re.compile(r"[^/]+:(?P<tag>[^/@]+)$")
Answer = TypeVar("Answer")
_LOADERS: Any = kubernetes.config


@dataclass(frozen=True)
class Site:
    """The cluster as the worker reaches it."""

    client: ApiClient
    settings: K8sSettings


def opened(stack: ExitStack, *, settings: K8sSettings) -> Opened[Site]:
    """Find the API server, and what it is."""
    cure = "set RUNS_FLEET_K8S_KUBECONFIG, or run in a pod with a service account's token"
    try:
        client = _connected(settings)
        stack.callback(client.close)
        version = _asked("version", VersionApi(client).get_code)
    except (ConfigException, OSError, ValueError) as error:
        return Opened({OPENS[0]: failed(f"no way to the cluster: {error}", cure)})
    except FleetError as error:
        return Opened({OPENS[0]: failed(str(error), cure)})
    return Opened({OPENS[0]: _version(client, version.git_version)}, Site(client, settings))


def permissions(site: Site) -> Verdict:
    """What the worker may do in the runners' namespace, asked right by right."""
    rights = list(needed())
    missing = [str(right) for right in rights if not _may(site, right)]
    return worst(
        [f"may not {', '.join(missing)}"] if missing else [],
        [],
        f"all {len(rights)} rights in {site.settings.namespace}",
        cure="bind the worker's service account to a Role with them, in that namespace",
    )


def namespace(site: Site) -> Verdict:
    """Whether the runners' namespace is there, and how strict it is with pods."""
    name = site.settings.namespace
    try:
        found = _asked(f"namespace {name}", CoreV1Api(site.client).read_namespace, name)
    except NotThere:
        label = f"kubectl label namespace {name} {ENFORCE}=restricted"
        return failed(f"no namespace {name!r}", f"`kubectl create namespace {name}`, `{label}`")
    except Refused as error:
        return skipped(f"the worker may not, and need not, look at it: {error}")
    labels = found.metadata.labels if found.metadata else None
    level = (labels or {}).get(ENFORCE, "")
    if level in ("restricted", "baseline"):
        return well(f"{name!r} lets only {level} pods in; jobs with docker=true need another")
    return warning(
        f"{name!r} lets any pod in" if level else f"{name!r} enforces no Pod Security level",
        f"unless jobs ask for docker=true: `kubectl label namespace {name} {ENFORCE}=restricted`",
    )


def service_account(site: Site) -> Verdict:
    """Whether the pods' service account is there: without it no pod can be made."""
    name, where = site.settings.service_account, site.settings.namespace
    read = CoreV1Api(site.client).read_namespaced_service_account
    try:
        found = _asked(f"service account {name}", read, name, where)
    except NotThere:
        return failed(f"no service account {name!r} in {where}: pods cannot be made",
                      f"`kubectl create serviceaccount {name} --namespace {where}`")  # fmt: skip
    except Refused as error:
        return skipped(f"the worker may not, and need not, look at it: {error}")
    if found.automount_service_account_token is False or name == "default":
        return well(f"{name!r} is there; no pod is given its token")
    return well(f"{name!r} is there; its token is not mounted")


def pull_secrets(site: Site) -> Verdict:
    """Whether the Secrets with which nodes fetch the image are there."""
    names, where = site.settings.image_pull_secrets, site.settings.namespace
    missing = [name for name in names if not _has_secret(site, name)]
    return worst(
        [f"no Secret {', '.join(missing)} in {where}"] if missing else [],
        [],
        f"{', '.join(names)} in {where}" if names else "none are asked for",
        cure="`kubectl create secret docker-registry`, or change RUNS_FLEET_K8S_IMAGE_PULL_SECRETS",
    )


def runner_image(site: Site) -> Verdict:
    """Whether all nodes run the same image, and need not fetch it for each pod."""
    image, policy = site.settings.runner_image, site.settings.image_pull_policy
    tag = TAG.search(image)
    odd = list[str]()
    if "@" not in image and (tag is None or tag["tag"] == "latest"):
        odd.append(f"{image} has no tag of its own, so nodes may run different versions of it")
    if policy == "Always":
        odd.append(
            "Always asks the registry before each pod: slower, and jobs wait when it is away"
        )
    if policy == "Never":
        odd.append("Never needs the image on each node beforehand")
    cure = "pin RUNS_FLEET_K8S_RUNNER_IMAGE to a version or digest, with IfNotPresent"
    return worst([], odd, f"{image}, {policy}", cure=cure)


def _connected(settings: K8sSettings) -> ApiClient:
    configuration = Configuration()
    if settings.kubeconfig is None:
        _LOADERS.load_incluster_config(client_configuration=configuration)
    else:
        _LOADERS.load_kube_config(str(settings.kubeconfig), client_configuration=configuration)
    configuration.retries = False
    return ApiClient(configuration)


def _version(client: ApiClient, version: str) -> Verdict:
    said = f"{client.configuration.host} runs {version}"
    minor = re.match(r"v1\.(\d+)", version)
    if minor and int(minor[1]) < LEAST_MINOR:
        return warning(f"{said}, too old for docker=true", f"upgrade to 1.{LEAST_MINOR} or later")
    return well(said)


def _may(site: Site, right: Right) -> bool:
    """Ask as ourselves; everybody may ask.

    https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
    """
    attributes = {**right._asdict(), "namespace": site.settings.namespace}
    body = {"spec": {"resourceAttributes": attributes}}
    review = AuthorizationV1Api(site.client).create_self_subject_access_review
    status = _asked("access review", review, body).status
    return status is not None and status.allowed


def _has_secret(site: Site, name: str) -> bool:
    """Look by metadata: what is in it concerns nobody here."""
    selector = {"field_selector": f"metadata.name={name}"}
    found = _asked(
        f"Secret {name}",
        CoreV1Api(site.client).list_namespaced_secret,
        site.settings.namespace,
        **selector,
    )
    return bool(found.items)


def _asked(what: str, call: Callable[..., Answer], *given: Any, **more: Any) -> Answer:
    with _translated(what):
        return call(*given, **more, _request_timeout=PATIENCE)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        text = f"{what}: {error.status} {error.reason}"
        if error.status == NOT_FOUND:
            raise NotThere(text) from error
        refused = error.status == FORBIDDEN
        raise (Refused(text, forbidden=True) if refused else Unavailable(text)) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{what}: {error}") from error


CHECKS: Mapping[str, Look[Site]] = {
    "Kubernetes permissions": permissions,
    "namespace": namespace,
    "service account": service_account,
    "image pull secrets": pull_secrets,
    "runner image": runner_image,
}
