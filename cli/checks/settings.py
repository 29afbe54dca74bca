"""The variables themselves: whether the programs would start with them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cli.checks.findings import Area, Opened, Verdict, failed, skipped, well
from runs_fleet.settings import BadSettings, Ec2Settings, K8sSettings, load_api, load_worker

OPENS = ("worker settings", "API settings")
API_MARK = "RUNS_FLEET_WEBHOOK_SECRETS"
CURE = "docs/configuration.md describes every variable"


class Loaded(NamedTuple):
    """What was read, and what there is to say of it."""

    worker: Ec2Settings | K8sSettings | None
    verdicts: Mapping[str, Verdict]


def load(environ: Mapping[str, str]) -> Loaded:
    """Read the worker's settings, and the API's where its secrets are."""
    worker, of_worker = _read(load_worker, environ)
    of_api = skipped(f"{API_MARK} is not set here")
    if environ.get(API_MARK):
        _, of_api = _read(load_api, environ)
    return Loaded(worker, dict(zip(OPENS, (of_worker, of_api), strict=True)))


def area(loaded: Loaded) -> Area[None]:
    """Show what loading them has found."""
    return Area("settings", OPENS, lambda _stack: Opened(loaded.verdicts))


def _read(loader: Callable[[Mapping[str, str]], Any], environ: Mapping[str, str]) -> Any:
    try:
        return loader(environ), well("valid")
    except BadSettings as error:
        return None, failed("\n".join(error.mistakes), CURE)
