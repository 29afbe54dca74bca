"""`runs-fleet jobs`: who waits, what runs, what became of one, and an end to it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from cli import lifecycles, pages
from cli.lifecycles import Row
from cli.temporal import run


def show_list(*, state: str | None, repo: str | None, limit: int, as_json: bool) -> int:
    """Show many jobs; returns the exit status."""
    return run(
        lambda client: lifecycles.listed(client, state=state, repo=repo, limit=limit),
        _write_json if as_json else _write_table,
    )


def show_one(job_id: int, *, as_json: bool) -> int:
    """Show one job; returns the exit status."""
    return run(
        lambda client: lifecycles.told(client, job_id),
        lambda told: _write(told.model_dump_json() if as_json else pages.page(told)),
    )


def cancel(job_id: int) -> int:
    """End one lifecycle; returns the exit status."""
    done = (
        f"job {job_id} is being cancelled: its runners are taken away, even busy ones.\n"
        "The job itself stays at GitHub, queued or failing: cancel it there as well.\n"
        f"`runs-fleet jobs show {job_id}` tells how far it is."
    )
    return run(lambda client: lifecycles.cancel(client, job_id), lambda _: _write(done))


def _write_json(rows: Sequence[Row]) -> None:
    _write(json.dumps([row.model_dump(mode="json") for row in rows]))


def _write_table(rows: Sequence[Row]) -> None:
    if rows:
        pages.console().print(pages.table(rows, datetime.now(UTC)))
    else:
        _write("no such jobs")


def _write(text: str) -> None:
    # As it is: what names of jobs and last words of agents hold is no markup.
    pages.console().print(text, markup=False, soft_wrap=True)
