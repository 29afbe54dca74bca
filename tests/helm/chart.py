"""The chart as an operator uses it: by helm, with files of values."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HELM = Path(sys.executable).with_name("helm")
CHART = Path(__file__).parents[2] / "helm" / "runs-fleet"
VALUES = Path(__file__).parent / "values"
CASES = sorted(path.stem for path in VALUES.glob("*.yaml"))
RELEASE, NAMESPACE = "ci", "platform"

Json = dict[str, Any]


class Refused(Exception):
    """Helm would not, and said why."""


@dataclass(frozen=True)
class Helm:
    """Helm, with its files in a folder of its own."""

    home: Path
    kubeconfig: Path | None = None

    def __call__(self, *arguments: str) -> str:
        """Run it. Raises Refused."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        if self.kubeconfig is not None:
            env["KUBECONFIG"] = str(self.kubeconfig)
        ran = subprocess.run(
            [HELM, *arguments], env=env, capture_output=True, text=True, check=False, timeout=150
        )
        if ran.returncode:
            raise Refused(ran.stdout + ran.stderr)
        return ran.stdout

    def template(self, case: str, *more: str) -> "Objects":
        """Render the chart with one of the files of values, and what else is said."""
        return Objects.of(_rendered(self, case, more))


@cache
def _rendered(helm: Helm, case: str, more: tuple[str, ...]) -> str:
    where = ("--namespace", NAMESPACE, "--values", str(VALUES / f"{case}.yaml"))
    return helm("template", RELEASE, str(CHART), *where, *more)


class Objects(tuple[Json, ...]):
    """What a chart renders."""

    @classmethod
    def of(cls, manifest: str) -> "Objects":
        """Read YAML documents."""
        return cls(each for each in yaml.load_all(manifest, yaml.CSafeLoader) if each)

    def kind(self, kind: str) -> list[Json]:
        """All of a kind."""
        return [each for each in self if each["kind"] == kind]

    def one(self, kind: str, name: str) -> Json:
        """The object of this kind whose name ends so."""
        (found,) = [each for each in self.kind(kind) if each["metadata"]["name"].endswith(name)]
        return found

    def pods(self) -> Iterator[Json]:
        """Every pod's template."""
        for each in (*self.kind("Deployment"), *self.kind("StatefulSet")):
            yield each["spec"]["template"]


def resolved(objects: Objects, deployment: str, home: Path) -> dict[str, str]:
    """The environment that a kubelet would give to a Deployment's container.

    Mounted files are written below `home`, and variables that name one are changed accordingly.
    """
    pod = objects.one("Deployment", deployment)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = dict[str, str]()
    for source in container["envFrom"]:
        environ |= _held(objects, "ConfigMap", source["configMapRef"]["name"])
    for variable in container["env"]:
        environ |= _variable(objects, variable)
    mounted = _mounted(objects, pod, container, home)
    return {name: mounted.get(value, value) for name, value in environ.items()}


def _variable(objects: Objects, variable: Json) -> dict[str, str]:
    if "value" in variable:
        return {variable["name"]: variable["value"]}
    asked = variable["valueFrom"]["secretKeyRef"]
    held = _held(objects, "Secret", asked["name"])
    if asked["key"] not in held and asked.get("optional"):
        return {}
    return {variable["name"]: held[asked["key"]]}


def _mounted(objects: Objects, pod: Json, container: Json, home: Path) -> dict[str, str]:
    """Write every file that is mounted, and tell where each is instead."""
    places = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    found = dict[str, str]()
    for volume in pod["volumes"]:
        for name, content in _files(objects, volume).items():
            path = home / volume["name"] / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            found[f"{places[volume['name']]}/{name}"] = str(path)
    return found


def _files(objects: Objects, volume: Json) -> dict[str, str]:
    if "configMap" in volume:
        return _held(objects, "ConfigMap", volume["configMap"]["name"])
    if "secret" not in volume:
        return {}
    held = _held(objects, "Secret", volume["secret"]["secretName"])
    items = volume["secret"].get("items")
    return {each["path"]: held[each["key"]] for each in items} if items else held


def _held(objects: Objects, kind: str, name: str) -> dict[str, str]:
    (found,) = [each for each in objects.kind(kind) if each["metadata"]["name"] == name]
    held: dict[str, str] = found.get("data") or found["stringData"]
    return held
