"""The operator's part of every runner's pod: what it may say, and how it is merged; pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

RUNNER = "runner"
DOCKER = "docker"
EXTERNALS = "externals"
CONFIG = "config"
SECRETS = "secrets"
MOUNTS = "/etc/runs-fleet"
VARIABLES = "RUNS_FLEET_"
LABELS = "runs-fleet.io/"
MANAGED_BY = "app.kubernetes.io/managed-by"

# The patch merge keys of
# https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "ports": "containerPort",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}
_SPEC = {
    "restartPolicy": "a runner runs once",
    "activeDeadlineSeconds": "the Job has one",
    "automountServiceAccountToken": "a runner's pod gets no token",
    "nodeName": "use nodeSelector",
    "serviceAccountName": "use RUNS_FLEET_K8S_SERVICE_ACCOUNT",
    "serviceAccount": "use RUNS_FLEET_K8S_SERVICE_ACCOUNT",
    "ephemeralContainers": "a Job's pod has none",
}
_CONTAINER = {
    "image": "use RUNS_FLEET_K8S_RUNNER_IMAGE",
    "workingDir": "use RUNS_FLEET_K8S_RUNNER_DIR",
}


def problems(template: Mapping[str, Any]) -> list[str]:
    """Say what of a template would make a runner something else; empty when nothing would."""
    found = [f"{key}: only metadata and spec may be given" for key in template.keys() - _TOP]
    for key in template.keys() & _TOP:
        if not isinstance(template[key], dict):
            return [*found, f"{key}: not an object"]
    found += _of_metadata(template.get("metadata", {}))
    found += _of_spec(template.get("spec", {}))
    found += [f"{path}: not understood" for path in _directives(template, "")]
    return sorted(found)


_TOP = {"metadata", "spec"}


def merged(pod: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the operator's part over a runner's pod (`metadata` and `spec`), and change neither.

    As in a strategic merge patch: objects are merged, lists of named things by name, null removes,
    other lists are replaced. Two things differ, since a runner needs them: tolerations are added,
    and required node affinities hold together.
    """
    mine, theirs = pod["spec"], _of_this_pod(template.get("spec", {}), pod["spec"])
    result = _object(pod, {**template, "spec": theirs})
    if theirs.get("tolerations"):
        result["spec"]["tolerations"] = [*mine.get("tolerations", []), *theirs["tolerations"]]
    if terms := _both(_terms(mine), _terms(theirs)):
        affinity = dict(result["spec"].get("affinity") or {})
        nodes = {**(affinity.get("nodeAffinity") or {}), _REQUIRED: {"nodeSelectorTerms": terms}}
        result["spec"]["affinity"] = {**affinity, "nodeAffinity": nodes}
    return result


def _of_this_pod(theirs: Mapping[str, Any], mine: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out what is said of Docker's containers where a job has none."""
    if not theirs.get(_FIRST):
        return theirs
    there = {each["name"] for each in mine.get(_FIRST, [])}
    ours = {DOCKER, EXTERNALS} - there
    return {**theirs, _FIRST: [each for each in theirs[_FIRST] if each["name"] not in ours]}


_FIRST = "initContainers"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _of_metadata(metadata: Mapping[str, Any]) -> Iterator[str]:
    for key in metadata.keys() - {"labels", "annotations"}:
        yield f"metadata.{key}: only labels and annotations may be given"
    yield from _emptied(metadata, "metadata.", ("labels",))
    for kind in ("labels", "annotations"):
        for key in metadata.get(kind) or {}:
            if key.startswith((LABELS, MANAGED_BY)):
                yield f"metadata.{kind}.{key}: is runs-fleet's own"


def _of_spec(spec: Mapping[str, Any]) -> Iterator[str]:
    for key in spec.keys() & _SPEC.keys():
        yield f"spec.{key}: {_SPEC[key]}"
    yield from _emptied(spec, "spec.", ("containers", "volumes"))
    for volume in _named(spec, "volumes"):
        if volume.get("name") in {CONFIG, SECRETS}:
            yield f"spec.volumes.{volume['name']}: is runs-fleet's own"
    for kind in ("containers", "initContainers", "volumes"):
        if any(not isinstance(each, dict) or "name" not in each for each in spec.get(kind) or []):
            yield f"spec.{kind}: each needs a name"
    for container in [*_named(spec, "containers"), *_named(spec, "initContainers")]:
        yield from _of_container(container)


def _of_container(container: Mapping[str, Any]) -> Iterator[str]:
    name = container["name"]
    if name in {RUNNER, DOCKER}:
        yield from _emptied(container, f"container {name}: ", ("env", "volumeMounts"))
    yield from _no_objects(container, ("env", "volumeMounts"))
    for mount in _objects(container, "volumeMounts"):
        if str(mount.get("mountPath", "")).startswith(MOUNTS):
            yield f"container {name}: mounts on {MOUNTS} are runs-fleet's own"
        if mount.get("name") == SECRETS:
            yield f"container {name}: the volume {SECRETS} is the runner's alone"
    if name == RUNNER:
        yield from (f"container {name}: {key}: {_CONTAINER[key]}" for key in _taken(container))
        for variable in _objects(container, "env"):
            if str(variable.get("name", "")).startswith(VARIABLES):
                yield f"container {name}: {variable['name']} is runs-fleet's own"


def _emptied(thing: Mapping[str, Any], where: str, keys: Iterable[str]) -> Iterator[str]:
    """Null removes, and a key without a value is null."""
    for key in keys:
        if key in thing and thing[key] is None:
            yield f"{where}{key}: is empty, and a runner needs its own; leave the key out"


def _no_objects(container: Mapping[str, Any], kinds: Iterable[str]) -> Iterator[str]:
    for kind in kinds:
        if len(_objects(container, kind)) < len(container.get(kind) or []):
            yield f"container {container['name']}: {kind}: each must be an object"


def _objects(container: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [each for each in container.get(kind) or [] if isinstance(each, dict)]


def _taken(container: Mapping[str, Any]) -> list[str]:
    return sorted(container.keys() & _CONTAINER.keys())


def _named(spec: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [each for each in spec.get(kind) or [] if isinstance(each, dict) and "name" in each]


def _directives(value: object, path: str) -> Iterator[str]:
    """Find `$patch` and its like, which only an API server understands."""
    if isinstance(value, dict):
        for key, each in value.items():
            if str(key).startswith("$"):
                yield f"{path}{key}"
            yield from _directives(each, f"{path}{key}.")
    elif isinstance(value, list):
        for each in value:
            yield from _directives(each, path)


def _object(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(mine)
    for key, value in theirs.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _value(key, result.get(key), value)
    return result


def _value(key: str, mine: Any, theirs: Any) -> Any:
    if isinstance(theirs, dict):
        return _object(mine if isinstance(mine, dict) else {}, theirs)
    if key == "volumes":
        # A volume has one source: two merged ones would have both.
        return list({each["name"]: each for each in [*(mine or []), *theirs]}.values())
    if key in _KEYS and isinstance(mine, list):
        return _list(mine, theirs, _KEYS[key])
    return theirs


def _list(mine: list[Any], theirs: list[Any], key: str) -> list[Any]:
    result = {each.get(key): each for each in mine}
    for each in theirs:
        result[each.get(key)] = _object(result.get(each.get(key), {}), each)
    return list(result.values())


def _terms(spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return list((affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or [])


def _both(mine: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Terms are alternatives, and each alternative's conditions hold together."""
    if not mine or not theirs:
        return mine or theirs
    return [
        {
            kind: [*one.get(kind, []), *other.get(kind, [])]
            for kind in ("matchExpressions", "matchFields")
            if one.get(kind) or other.get(kind)
        }
        for one in mine
        for other in theirs
    ]
