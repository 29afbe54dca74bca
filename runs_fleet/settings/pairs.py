"""Values that hold several: labels as Kubernetes writes them, weights, lists in JSON."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

OURS = ("runs-fleet.io/", "app.kubernetes.io/managed-by")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_NAME = r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_KEY = re.compile(rf"({_DOMAIN}/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/(\*|[A-Za-z0-9._-]+)")


def pairs(value: object) -> object:
    """Read `key=value,key=value`."""
    if not isinstance(value, str):
        return value
    found: dict[str, str] = {}
    for part in (each.strip() for each in value.split(",") if each.strip()):
        key, equals, content = part.partition("=")
        if not equals:
            raise ValueError(f"{part[:80]!r} is not key=value")
        if found.setdefault(key.strip(), content.strip()) != content.strip():
            raise ValueError(f"{key[:80]!r} is given twice")
    return found


def objects(value: object) -> object:
    """Read a JSON list."""
    if not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(found, list):
        raise ValueError("not a list")
    return tuple(found)


def _label_syntax(labels: dict[str, str]) -> dict[str, str]:
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key[:80]!r} is not a label's key")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"{value[:80]!r} is not a label's value")
    return labels


def _not_ours(labels: dict[str, str]) -> dict[str, str]:
    taken = [key for key in labels if key.startswith(OURS)]
    if taken:
        raise ValueError(f"{taken[0]!r} is runs-fleet's own")
    return labels


def _repositories(weights: dict[str, float]) -> dict[str, float]:
    for repo in weights:
        if not _REPOSITORY.fullmatch(repo):
            raise ValueError(f"{repo[:80]!r} is neither owner/name nor owner/*")
    return weights


class Toleration(BaseModel):
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = ""
    operator: Literal["Exists", "Equal", "Lt", "Gt"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    tolerationSeconds: int | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Toleration":
        if self.operator == "Exists" and self.value:
            raise ValueError("Exists takes no value")
        if self.operator != "Exists" and not self.key:
            raise ValueError("without a key the operator is Exists")
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            raise ValueError("tolerationSeconds needs the effect NoExecute")
        return self


Labels = Annotated[dict[str, str], BeforeValidator(pairs), AfterValidator(_label_syntax)]
Weight = Annotated[float, Field(ge=0.01, le=1000)]
Weights = Annotated[dict[str, Weight], BeforeValidator(pairs), AfterValidator(_repositories)]
OwnLabels = Annotated[Labels, AfterValidator(_not_ours)]
Tolerations = Annotated[tuple[Toleration, ...], BeforeValidator(objects)]
Peers = Annotated[tuple[dict[str, Any], ...], BeforeValidator(objects), Field(min_length=1)]
