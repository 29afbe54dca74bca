"""A runner's config as the keys of a Secret, which are the files of its mount; pure."""

import json
import math
import os
from dataclasses import asdict
from pathlib import Path

from runs_fleet.errors import Refused
from runs_fleet.ports import RunnerConfig
from runs_fleet.registering import TokenRegistration

KEYS = ("runner", "jit_config", "report_key", "reports", "idle_limit", "max_runtime")
REPORTS_CA, REGISTRATION = "reports_ca", "registration"
FACTS = ("repo", "job_id", "attempt", "pool")
# The kubelet swaps this link when all files of a new version are there:
# https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically
VERSION = "..data"


def to_secret(config: RunnerConfig, *, reports_ca: str = "") -> dict[str, str]:
    """Write a config as `stringData`; `reports_ca` is the PEM that proves the report queue."""
    fields = {
        "runner": config.runner,
        "jit_config": config.jit_config,
        "report_key": config.report_key,
        "reports": config.reports,
        "idle_limit": repr(float(config.idle_limit)),
        "max_runtime": repr(float(config.max_runtime)),
    }
    if config.registration is not None:
        fields[REGISTRATION] = json.dumps(asdict(config.registration))
    return fields | ({REPORTS_CA: reports_ca} if reports_ca else {})


def registration(text: str | None) -> TokenRegistration | None:
    """Read what an agent registers with, where there is no JIT config. Raises Refused."""
    if not text:
        return None
    try:
        fields = json.loads(text)
        labels = tuple(map(str, fields.pop("labels")))
        return TokenRegistration(labels=labels, **fields)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused(f"{REGISTRATION} of the config: not readable") from None


def from_files(directory: Path) -> RunnerConfig | None:
    """Read a mounted Secret, or None while a key is missing.

    Raises Refused, which names the file and never quotes it, when one cannot be read.
    """
    version = _version(directory)
    texts = {key: _text(version / key) for key in KEYS}
    if None in texts.values():
        return None
    given = {key: text or "" for key, text in texts.items()}
    by_token = registration(_text(version / REGISTRATION))
    return RunnerConfig(
        runner=_needed(given, "runner"),
        jit_config="" if by_token else _needed(given, "jit_config"),
        report_key=_needed(given, "report_key"),
        reports=_needed(given, "reports"),
        idle_limit=_seconds(given, "idle_limit"),
        max_runtime=_seconds(given, "max_runtime"),
        registration=by_token,
    )


def reports_ca(directory: Path) -> str | None:
    """Read the PEM that proves the report queue, or None where the system's own will do."""
    return _text(_version(directory) / REPORTS_CA) or None


def facts(directory: Path) -> dict[str, str]:
    """Read from the mounted ConfigMap what tells people whose pod this is; gaps do not matter."""
    texts = {key: _fact(_version(directory) / key) for key in FACTS}
    return {key: text for key, text in texts.items() if text}


def _version(directory: Path) -> Path:
    """Stay with one version while its files are read one by one."""
    link = directory / VERSION
    return link.resolve() if os.path.isdir(link) else directory


def _text(path: Path) -> str | None:
    try:
        # As bytes: reading text would turn the ends of lines.
        return path.read_bytes().decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path.name} of the config: {_reason(error)}") from None


def _fact(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "not readable" if isinstance(error, OSError) else "not UTF-8"


def _needed(given: dict[str, str], key: str) -> str:
    if not given[key]:
        raise Refused(f"{key} of the config: empty")
    return given[key]


def _seconds(given: dict[str, str], key: str) -> float:
    try:
        seconds = float(given[key])
    except ValueError:
        raise Refused(f"{key} of the config: not a number of seconds") from None
    if not (math.isfinite(seconds) and seconds >= 0):
        raise Refused(f"{key} of the config: not a number of seconds")
    return seconds
