"""`runs-fleet pools list` and `show`: what pools have, and why they want what they want."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.table import Table
from temporalio.client import Client

from cli import pages
from cli import pools_managers as managers
from cli.pools_plan import told
from cli.temporal import run
from runs_fleet import labels
from runs_fleet.models import Mode
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.status import MemberLine, PoolStatus

COLUMNS = ("pool", "mode", "state", "free wanted", "members", "jobs", "of max", "trouble")
MEMBER_COLUMNS = ("member", "tier", "phase", "for", "machine", "zone", "job", "remark")


def show_all(*, as_json: bool) -> int:
    """Show every pool in a line; returns the exit status."""
    return run(listed, _write_json if as_json else _write_table)


def show_one(name: str, mode: Mode | None, *, as_json: bool) -> int:
    """Show all of one pool; returns the exit status."""
    return run(
        lambda client: managers.found(client, name, mode),
        (lambda status: print(status.model_dump_json())) if as_json else _write_page,  # noqa: T201 - for scripts: rich would wrap it
    )


async def listed(client: Client) -> list[PoolStatus]:
    """Ask every pool that is kept. Raises Trouble."""
    found = [await managers.status_of(client, pool) for pool in await managers.running(client)]
    return [each for each in found if each]


def page(status: PoolStatus) -> str:
    """Tell one pool in lines."""
    return "\n".join([*_facts(status), "", *_reasons(status), *_done(status)])


def _write_json(found: Sequence[PoolStatus]) -> None:
    print(json.dumps([each.model_dump(mode="json") for each in found]))  # noqa: T201 - for scripts: rich would wrap it


def _write_table(found: Sequence[PoolStatus]) -> None:
    if not found:
        pages.console().print("no pools are kept; `runs-fleet pools apply FILE` begins to")
        return
    table = Table(*COLUMNS)
    for each in found:
        table.add_row(
            each.name,
            each.definition.mode,
            each.word,
            told(each.targets),
            _counts(each),
            str(each.jobs_at_once),
            f"{each.total}/{each.definition.max}",
            each.trouble,
        )
    pages.console().print(table)


def _write_page(status: PoolStatus) -> None:
    # As it is: reasons of operators and words of clouds are no markup.
    console = pages.console()
    console.print(page(status), markup=False, soft_wrap=True)
    if status.members:
        console.print(_members(status.members, status.at))


def _facts(status: PoolStatus) -> Iterator[str]:
    definition = status.definition
    facts = {
        "pool": f"{definition.name} ({definition.mode}): {status.word}",
        "machines": labels.render(definition.spec),
        "free wanted": told(status.targets),
        "has": f"{_counts(status)}; {status.total} of at most {definition.max}",
        "unknown": f"{status.unknown} machines nobody knows" if status.unknown else "",
        "jobs": f"{status.jobs_at_once} at once",
        "claims": ", ".join(f"{number} {kind}" for kind, number in status.claims.items()),
        "serves": _served(definition),
        "placeholders": _placeholders(status),
        "leases": ", ".join(f"{volume} to job {job}" for volume, job in status.leases.items()),
        "trouble": status.trouble,
        "rests until": f"{status.rest_until:%Y-%m-%d %H:%M:%S} UTC" if status.rest_until else "",
    }
    return (f"{name:<13} {value}" for name, value in facts.items() if value)


def _served(definition: PoolDefinition) -> str:
    return ", ".join(definition.repositories) or "every repository"


def _placeholders(status: PoolStatus) -> str:
    facts = status.placeholders
    if facts is None:
        return ""
    return f"{facts.ready} run, {facts.pending} wait for a node, of {status.replicas or 0}"


def _reasons(status: PoolStatus) -> Iterator[str]:
    yield "why"
    yield from (f"  {reason}" for reason in status.reasons)


def _done(status: PoolStatus) -> Iterator[str]:
    if status.operations:
        yield ""
        yield "done to it"
    for each in status.operations:
        targets = f" to {each.targets}" if each.targets else ""
        why = f": {each.reason}" if each.reason else ""
        who = each.by or "nobody"
        yield f"  {each.at:%Y-%m-%d %H:%M:%S} UTC {each.kind}{targets} by {who}{why}"


def _members(members: Sequence[MemberLine], now: datetime) -> Table:
    table = Table(*MEMBER_COLUMNS)
    for each in members:
        table.add_row(
            each.name,
            each.tier,
            each.phase,
            pages.span(now - each.since),
            " ".join(part for part in (each.machine_type, each.machine_id) if part),
            each.zone,
            f"{each.job_id or ''} {each.repo}".strip(),
            each.cause or ("out of date" if each.stale else ""),
        )
    return table


def _counts(status: PoolStatus) -> str:
    return (
        ", ".join(
            f"{number} {tier} {phase}" if phase != tier else f"{number} {tier}"
            for tier, phases in status.counts.items()
            for phase, number in phases.items()
        )
        or "none"
    )
