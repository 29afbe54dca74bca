"""`runs-fleet pools plan`: what a file would change, field by field, and what that means now."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.table import Table
from rich.text import Text
from temporalio.client import Client

from cli import pages
from cli.pools_lint import WRONG, complain, load
from cli.pools_managers import PoolId, running, status_of
from cli.temporal import run
from runs_fleet.models import Mode, Wire
from runs_fleet.pools import differences, schedule
from runs_fleet.pools.definition import PoolDefinition, Targets
from runs_fleet.pools.file import BadPools, PoolsFile
from runs_fleet.pools.status import PoolStatus

Kind = Literal["new", "changed", "unchanged", "removed", "left"]
COLOURS: dict[Kind, str] = {"new": "green", "changed": "yellow", "removed": "bold red"}
LEFT = "not in the file: it stays as it is; --prune ends it"
REMOVED = "not in the file: its free members go, and it ends"


class Edit(Wire):
    """One field of a definition as it is and as it is to be."""

    field: str
    before: str
    after: str


class Change(Wire):
    """What becomes of one pool; `now` are the free members it keeps and `then` those it would."""

    mode: Mode
    name: str
    kind: Kind
    edits: tuple[Edit, ...] = ()
    now: Targets | None = None
    then: Targets | None = None
    reason: str = ""
    until: datetime | None = None


def plan(path: Path, *, prune: bool, as_json: bool) -> int:
    """Preview a file; returns the exit status."""
    try:
        wanted = load(path)
    except BadPools as error:
        complain(path, error.mistakes)
        return WRONG
    return run(
        lambda client: compared(client, wanted, prune=prune),
        _write_json if as_json else write,
    )


async def compared(client: Client, wanted: PoolsFile, *, prune: bool) -> list[Change]:
    """Compare a file with the pools that are kept. Raises Trouble."""
    moment = datetime.now(UTC)
    found = []
    for definition in wanted.pools:
        pool = PoolId(definition.mode, definition.name)
        found.append(change(definition, await status_of(client, pool), moment))
    for pool in await others(client, wanted):
        status = await status_of(client, pool)
        if status is not None and not status.definition.ephemeral:
            found.append(_without(pool, status, prune=prune))
    return found


async def others(client: Client, wanted: PoolsFile) -> list[PoolId]:
    """List the pools of the file's modes that are kept and not in it. Raises Trouble."""
    modes = {each.mode for each in wanted.pools}
    named = {PoolId(each.mode, each.name) for each in wanted.pools}
    kept = await running(client)
    return [each for each in kept if each.mode in modes and each not in named]


def change(definition: PoolDefinition, status: PoolStatus | None, now: datetime) -> Change:
    """Say what becomes of a pool that is in the file; pure."""
    before = status.definition if status else None
    targets, reason = schedule.targets_at(definition, now)
    edits = [Edit(**each._asdict()) for each in differences.between(before, definition)]
    same: Kind = "changed" if edits else "unchanged"
    return Change(
        mode=definition.mode,
        name=definition.name,
        kind=same if status else "new",
        edits=tuple(edits),
        now=status.targets if status else None,
        then=targets,
        reason=_reason(definition, reason),
        until=schedule.next_change(definition, now),
    )


def write(changes: Sequence[Change]) -> None:
    """Show changes to people."""
    console = pages.console()
    if not changes:
        console.print("the file has no pools")
        return
    table = Table("", "pool", "field", "is", "will be")
    for each in changes:
        table.add_section()
        for row in _rows(each):
            table.add_row(*row)
    console.print(table)
    console.print(summary(changes))


def summary(changes: Sequence[Change]) -> str:
    """Count what becomes of pools."""
    kinds = [each.kind for each in changes]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def told(targets: Targets) -> str:
    """Write targets as people say them."""
    return ", ".join(f"{number} {tier}" for tier, number in targets if number) or "none"


def _without(pool: PoolId, status: PoolStatus, *, prune: bool) -> Change:
    return Change(
        mode=pool.mode,
        name=pool.name,
        kind="removed" if prune else "left",
        now=status.targets,
        then=Targets() if prune else None,
        reason=REMOVED if prune else LEFT,
    )


def _reason(definition: PoolDefinition, reason: str) -> str:
    demand = definition.demand
    more = f", more {demand.tier} ones by demand" if demand else ""
    least = f", at least {definition.min} free by min" if definition.min else ""
    return f"{reason}{more}{least}"


def _rows(change: Change) -> Iterator[tuple[Text, ...]]:
    kind = Text(change.kind, style=COLOURS.get(change.kind, "dim"))
    pool = Text(f"{change.name} ({change.mode})")
    for each in change.edits:
        yield kind, pool, Text(each.field), Text(each.before), Text(each.after)
        kind = pool = Text("")
    now = told(change.now) if change.now else ""
    then = told(change.then) if change.then else ""
    until = f", until {change.until:%a %H:%M} UTC" if change.until else ""
    yield kind, pool, Text("free members now"), Text(now), Text(f"{then} ({change.reason}{until})")


def _write_json(changes: Sequence[Change]) -> None:
    print(json.dumps([each.model_dump(mode="json") for each in changes]))  # noqa: T201 - for scripts: rich would wrap it
