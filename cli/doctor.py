"""`runs-fleet doctor`: looks at all that a fleet stands on, and says what to mend."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import pages
from cli.checks import buying, ec2, github, queues, settings, temporal
from cli.checks.findings import Area, Finding, Status, examine, left_out
from runs_fleet.models import Mode
from runs_fleet.settings import Ec2Settings, K8sSettings

Worker = Ec2Settings | K8sSettings
MODE = "RUNS_FLEET_MODE"
BUILD, DEPLOYMENT = "TEMPORAL_WORKER_BUILD_ID", "TEMPORAL_DEPLOYMENT_NAME"
DEFAULT_DEPLOYMENT = "runs-fleet"
COLOURS = {Status.OK: "green", Status.WARNING: "yellow", Status.FAILED: "bold red"}
EXITS = {Status.WARNING: 1, Status.FAILED: 2}
EC2_CHECKS = {**ec2.CHECKS, **buying.CHECKS, **queues.CHECKS}


def main(environ: Mapping[str, str], *, mode: Mode | None, as_json: bool) -> int:
    """Look at everything and show it; 0 if all is well, 1 with a warning, 2 if a check failed."""
    environ = {**environ, MODE: mode} if mode else environ
    with Console(stderr=True).status("looking"):
        findings = asyncio.run(diagnosed(environ))
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings]))  # noqa: T201 - for scripts: rich would wrap it
    else:
        show(findings, pages.console())
    return max(EXITS.get(finding.status, 0) for finding in findings)


async def diagnosed(environ: Mapping[str, str]) -> list[Finding]:
    """Run every check that these variables ask for."""
    loaded = settings.load(environ)
    areas: list[Area[Any]] = [settings.area(loaded), _temporal(environ, loaded.worker)]
    if loaded.worker is None:
        return [*await examine(areas), *_left_out(_mode(environ))]
    return await examine([*areas, *_outside(environ, loaded.worker)])


def names(mode: Mode) -> list[str]:
    """List every check of a mode, as they are shown."""
    inside = (*settings.OPENS, *temporal.OPENS, *temporal.CHECKS)
    return [*inside, *(name for checks in _outside_checks(mode).values() for name in checks)]


def show(findings: Sequence[Finding], console: Console) -> None:
    """Tell in a table, then in a sentence."""
    table = Table("", "check", "found", "what to do")
    for _, found in groupby(findings, lambda each: each.area):
        table.add_section()
        for row in _rows(list(found)):
            table.add_row(*row)
    console.print(table)
    console.print(_summary(findings))


def _rows(findings: Sequence[Finding]) -> Iterator[tuple[Text, ...]]:
    """Write a row for each finding, and one for all that are skipped for the same reason."""
    for (status, said, cure), alike in groupby(findings, lambda each: each[2:]):
        state = Text(status, style=COLOURS.get(status, "dim"))
        checks = ", ".join(each.check for each in alike)
        yield state, Text(checks), Text(said), Text(cure)


def _summary(findings: Sequence[Finding]) -> str:
    number = {status: sum(each.status is status for each in findings) for status in Status}
    told = ", ".join(f"{count} {status}" for status, count in number.items() if count)
    return f"{len(findings)} checks: {told}"


def _temporal(environ: Mapping[str, str], worker: Worker | None) -> Area[temporal.Site]:
    build = environ.get(BUILD, "").strip()
    name = environ.get(DEPLOYMENT, "").strip() or DEFAULT_DEPLOYMENT
    wanted = temporal.Wanted(_mode(environ), deployment=name, build=build)
    if worker is not None:
        wanted = temporal.Wanted(worker.mode, worker.sweep_interval, name, build)
    opening = partial(temporal.opened, wanted=wanted)
    return Area("Temporal", temporal.OPENS, opening, temporal.CHECKS)


def _outside(environ: Mapping[str, str], worker: Worker) -> list[Area[Any]]:
    opening = partial(github.opened, settings=worker)
    areas: list[Area[Any]] = [Area("GitHub", github.OPENS, opening, github.CHECKS)]
    if isinstance(worker, Ec2Settings):
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        return [*areas, _ec2(worker, region)]
    return [*areas, *_k8s(worker)]


def _ec2(worker: Ec2Settings, region: str | None) -> Area[ec2.Site]:
    opening = partial(ec2.opened, settings=worker, region=region)
    return Area("AWS", ec2.OPENS, opening, EC2_CHECKS)


def _k8s(worker: K8sSettings) -> list[Area[Any]]:
    # The client of Kubernetes is a second's import.
    from cli.checks import k8s, valkey

    return [
        Area("Kubernetes", k8s.OPENS, partial(k8s.opened, settings=worker), k8s.CHECKS),
        Area("Valkey", valkey.OPENS, partial(valkey.opened, settings=worker), valkey.CHECKS),
    ]


def _left_out(mode: Mode) -> list[Finding]:
    why = "not looked at, because the worker's settings are not valid"
    outside = _outside_checks(mode).items()
    return [each for title, checks in outside for each in left_out(title, checks, why)]


def _outside_checks(mode: Mode) -> dict[str, list[str]]:
    checks = {"GitHub": [*github.OPENS, *github.CHECKS]}
    if mode == "ec2":
        return {**checks, "AWS": [*ec2.OPENS, *EC2_CHECKS]}
    from cli.checks import k8s, valkey

    return {
        **checks,
        "Kubernetes": [*k8s.OPENS, *k8s.CHECKS],
        "Valkey": [*valkey.OPENS, *valkey.CHECKS],
    }


def _mode(environ: Mapping[str, str]) -> Mode:
    return "k8s" if environ.get(MODE, "").strip().lower() == "k8s" else "ec2"
