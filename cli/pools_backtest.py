"""`runs-fleet pools backtest`: what pools would have done with jobs that came, and its cost."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli import pages
from cli.pools_lint import WRONG, complain, load
from runs_fleet.errors import Refused
from runs_fleet.pools import arrivals, durations
from runs_fleet.pools.arrivals import Arrival
from runs_fleet.pools.backtest import Outcome, backtest
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.file import BadPools
from runs_fleet.pools.mistakes import meant
from runs_fleet.pools.replay import Assumptions

COLUMNS = ("pool", "jobs", "p50", "p95", "worst", "served by", "machine hours", "cost")
STDIN = "-"
DAY = timedelta(days=1)
KNOWN = [each.name for each in fields(Assumptions)]
Outcomes = Mapping[str, Sequence[Outcome]]


def replay(files: Sequence[Path], source: str, assumed: Sequence[str], *, as_json: bool) -> int:
    """Replay arrivals against each file; returns the exit status."""
    pools = {str(path): _pools(path) for path in files}
    try:
        came, assumptions = read(source), assume(assumed)
    except Refused as error:
        sys.stderr.write(f"runs-fleet: {error}\n")
        return WRONG
    if None in pools.values():
        return WRONG
    with Console(stderr=True).status(f"replaying {len(came)} jobs"):
        found = {path: backtest(each or (), came, assumptions) for path, each in pools.items()}
    if as_json:
        _write_json(found)
    else:
        _write(found, came)
    return 0


def read(source: str) -> list[Arrival]:
    """Read arrivals from a file, or from stdin. Raises Refused."""
    try:
        text = sys.stdin.read() if source == STDIN else Path(source).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{source} cannot be read: {error}") from error
    came = arrivals.read(text)
    if not came:
        raise Refused(f"there are no jobs in {source}")
    return came


def assume(assumed: Sequence[str]) -> Assumptions:
    """Read assumptions such as `cold=90s` and `price=0.2`. Raises Refused."""
    return replace(Assumptions(), **dict(map(_assumption, assumed)))


def _assumption(text: str) -> tuple[str, Any]:
    key, _, value = text.partition("=")
    plain = getattr(Assumptions(), key.replace("-", "_"), None)
    if plain is None:
        raise Refused(f"unknown assumption {key!r}{meant(key, KNOWN)}; known: {', '.join(KNOWN)}")
    try:
        found = durations.read(value) if isinstance(plain, timedelta) else _price(value)
    except ValueError as error:
        raise Refused(f"{text!r}: {error}") from error
    return key.replace("-", "_"), found


def _price(text: str) -> float:
    price = float(text)
    if not 0 <= price < inf:
        raise ValueError("a price is 0 or more, in dollars an hour")
    return price


def _pools(path: Path) -> Sequence[PoolDefinition] | None:
    try:
        return load(path).pools
    except BadPools as error:
        complain(path, error.mistakes)
        return None


def _write_json(found: Outcomes) -> None:
    told = {path: [each.model_dump(mode="json") for each in rows] for path, rows in found.items()}
    print(json.dumps(told))  # noqa: T201 - for scripts: rich would wrap it


def _write(found: Outcomes, came: Sequence[Arrival]) -> None:
    console = pages.console()
    days = (came[-1].queued_at - came[0].queued_at) / DAY
    console.print(
        f"{len(came)} jobs of {days:.1f} days, from {came[0].queued_at:%Y-%m-%d %H:%M} UTC"
    )
    for path, outcomes in found.items():
        table = Table(*COLUMNS, title=path, title_justify="left")
        for each in outcomes:
            table.add_section()
            table.add_row(*_row(each))
        console.print(table)
    if len(found) > 1:
        before, *others = found.items()
        for path, outcomes in others:
            console.print(_compared(before[1][-1], outcomes[-1], path), markup=False)


def _row(each: Outcome) -> Iterator[str]:
    yield f"{each.pool} ({each.mode})" if each.mode else each.pool
    yield str(each.jobs)
    yield from (f"{wait:.0f} s" for wait in (each.p50, each.p95, each.worst))
    yield ", ".join(f"{tier} {_share(number, each.jobs)}" for tier, number in each.served.items())
    stopped = f", {each.stopped_hours:.0f} stopped" if each.stopped_hours else ""
    warm = f"{each.warm_hours:.0f} warm ({each.busy_hours:.0f} busy)"
    yield f"{warm}, {each.cold_hours:.0f} cold{stopped}"
    yield f"${each.cost:.2f}"


def _compared(before: Outcome, after: Outcome, path: str) -> str:
    cost = after.cost - before.cost
    p50, p95 = (
        f"{name} {getattr(before, name):.0f} s becomes {getattr(after, name):.0f} s"
        for name in ("p50", "p95")
    )
    return f"with {path}: {p50}, {p95}, and it costs ${abs(cost):.2f} {_way(cost)}"


def _way(cost: float) -> str:
    return "more" if cost >= 0 else "less"


def _share(number: int, of: int) -> str:
    return f"{100 * number / of:.0f} %" if of else "0 %"
