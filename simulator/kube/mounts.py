"""Volumes of a pod as folders, and where a container's paths lie in them."""

import base64
from collections.abc import Callable, Iterable
from pathlib import Path

from simulator.kube.api import Json

# The names by which a kubelet swaps all files of a volume at once.
VERSION, CURRENT = "..version", "..data"

Fetch = Callable[[str, str], Json]


class NotMounted(Exception):
    """A volume cannot be mounted yet; the message is the kubelet's."""

    def __init__(self, volume: str, why: str) -> None:
        super().__init__(f'MountVolume.SetUp failed for volume "{volume}" : {why}')


class Missing(Exception):
    """An object that a pod names does not exist; the message is the kubelet's."""


def mount(pod: Json, folder: Path, fetch: Fetch) -> None:
    """Make a folder for each volume; `fetch` reads a Secret or ConfigMap of the namespace."""
    for volume in pod["spec"].get("volumes", ()):
        target = folder / volume["name"]
        if claim := volume.get("persistentVolumeClaim"):
            _link(target, to=folder.parents[1] / ".claims" / claim["claimName"])
            continue
        target.mkdir(parents=True, exist_ok=True)
        try:
            _fill(volume, target / VERSION, pod, fetch)
        except Missing as missing:
            raise NotMounted(volume["name"], str(missing)) from missing
        _publish(target)


def mapped(path: str, container: Json, folder: Path) -> str:
    """Find the place of a container's path in the folder of volumes, if it lies in one."""
    mounts = sorted(container.get("volumeMounts", ()), key=lambda one: -len(one["mountPath"]))
    for one in mounts:
        root = one["mountPath"].rstrip("/")
        if path == root or path.startswith(f"{root}/"):
            inside = "/".join(filter(None, (one.get("subPath", ""), path[len(root) + 1 :])))
            return str(folder / one["name"] / inside) if inside else str(folder / one["name"])
    return path


def keys(kind: str, name: str, fetch: Fetch) -> dict[str, bytes]:
    """Read the contents of a Secret or ConfigMap."""
    found = fetch(kind, name)
    plain = found.get("data") or {}
    coded = found.get("binaryData") or {}
    if kind == "secrets":
        plain, coded = {}, plain
    texts = {key: value.encode() for key, value in plain.items()}
    return texts | {key: base64.b64decode(value) for key, value in coded.items()}


def _fill(volume: Json, target: Path, pod: Json, fetch: Fetch) -> None:
    if source := volume.get("secret"):
        _write_keys("secrets", source["secretName"], source, target, fetch)
    elif source := volume.get("configMap"):
        _write_keys("configmaps", source["name"], source, target, fetch)
    elif source := volume.get("downwardAPI"):
        _write_fields(source.get("items", ()), target, pod)
    for source in volume.get("projected", {}).get("sources", ()):
        _fill(_as_volume(source), target, pod, fetch)


def _publish(target: Path) -> None:
    """Link what was written to where it belongs."""
    written = target / VERSION
    # A pod whose other volumes are late comes by here again.
    if written.is_dir() and not (target / CURRENT).is_symlink():
        (target / CURRENT).symlink_to(VERSION)
        for entry in written.iterdir():
            (target / entry.name).symlink_to(Path(CURRENT) / entry.name)


def _link(target: Path, *, to: Path) -> None:
    """Let all pods that mount one claim find the same folder."""
    to.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink():
        target.symlink_to(to)


def _as_volume(source: Json) -> Json:
    if secret := source.get("secret"):
        return {"secret": {**secret, "secretName": secret["name"]}}
    return source


def _write_keys(kind: str, name: str, source: Json, target: Path, fetch: Fetch) -> None:
    try:
        found = keys(kind, name, fetch)
    except Missing:
        if source.get("optional"):
            return
        raise
    items = source.get("items") or [{"key": key, "path": key} for key in found]
    for item in items:
        if item["key"] not in found:
            raise Missing(f"references non-existent {kind[:-1]} key: {item['key']}")
        _write(target / item["path"], found[item["key"]])


def _write_fields(items: Iterable[Json], target: Path, pod: Json) -> None:
    for item in items:
        _write(target / item["path"], field(pod, item["fieldRef"]["fieldPath"]).encode())


def field(pod: Json, path: str) -> str:
    """Read a field of a pod, as fieldRef names it."""
    head, bracket, key = path.partition("['")
    found: Json | str = pod
    for part in head.split("."):
        found = found.get(part, {}) if isinstance(found, dict) else {}
    if bracket and isinstance(found, dict):
        found = found.get(key.removesuffix("']"), "")
    return found if isinstance(found, str) else ""


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
