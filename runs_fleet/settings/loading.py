"""From a process's environment to its settings, or to a list of everything that is wrong."""

import difflib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from runs_fleet.redaction import redact
from runs_fleet.settings.agent import AgentSettings
from runs_fleet.settings.api import ApiSettings
from runs_fleet.settings.common import Common
from runs_fleet.settings.fields import PREFIX
from runs_fleet.settings.k8s import K8sSettings
from runs_fleet.settings.worker import Ec2Settings

Settings = TypeVar("Settings", bound=Common)
PLAIN = {
    "missing": "missing",
    "string_pattern_mismatch": "does not fit",
    "too_short": "too short",
}
LONGEST_QUOTE = 80
EMPTY_MEANS_SOMETHING = frozenset(
    f"{PREFIX}{name}" for name in ("METRICS_PORT", "SWEEP_INTERVAL", "EC2_METRICS_NAMESPACE")
)


class BadSettings(ValueError):
    """Everything that is wrong with the settings; no secret is ever quoted."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def load_api(environ: Mapping[str, str]) -> ApiSettings:
    """Read what the webhook API needs, or raise BadSettings."""
    return _load(ApiSettings, environ)


def load_worker(environ: Mapping[str, str]) -> Ec2Settings | K8sSettings:
    """Read what a worker of its mode needs, or raise BadSettings."""
    if environ.get(f"{PREFIX}MODE", "").strip().lower() == "k8s":
        return _load(K8sSettings, environ)
    return _load(Ec2Settings, environ)


def load_agent(environ: Mapping[str, str]) -> AgentSettings:
    """Read what an agent needs, or raise BadSettings."""
    return _load(AgentSettings, environ)


def variables(model: type[Common]) -> dict[str, FieldInfo]:
    """Return the variables that a process reads."""
    return {str(field.validation_alias): field for field in model.model_fields.values()}


def known() -> frozenset[str]:
    """Return the variables of all processes: one .env file may serve them all."""
    models: tuple[type[Common], ...] = (ApiSettings, Ec2Settings, K8sSettings, AgentSettings)
    return frozenset(name for model in models for name in variables(model))


def _load(model: type[Settings], environ: Mapping[str, str]) -> Settings:
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    ours = {
        name: value
        for name, value in given.items()
        if name in variables(model) and (value.strip() or name in EMPTY_MEANS_SOMETHING)
    }
    mistakes = list(_unknown(given))
    try:
        settings = model.model_validate(ours)
    except ValidationError as error:
        mistakes += [_mistake(detail, model) for detail in error.errors()]
    if mistakes:
        raise BadSettings(sorted(mistakes))
    return settings


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(given.keys() - known()):
        close = difflib.get_close_matches(name, sorted(known()), n=1, cutoff=0.8)
        hint = f"did you mean {close[0]}?" if close else "docs/configuration.md has them all"
        yield f"{name}: unknown variable; {hint}"


def _mistake(detail: ErrorDetails, model: type[Common]) -> str:
    place = str(detail["loc"][0])
    # A default that does not fit is reported under its field's name, a value under its variable.
    field = model.model_fields.get(place) or variables(model)[place]
    said = PLAIN.get(detail["type"]) or detail["msg"].removeprefix("Value error, ")
    # An address with an @ may hold a password.
    shown = field.repr and isinstance(detail["input"], str) and "@" not in detail["input"]
    given = f" (given: {redact(detail['input'])[:LONGEST_QUOTE]!r})" if shown else ""
    return f"{field.validation_alias}: {said}{given}; accepted: {field.description}"
