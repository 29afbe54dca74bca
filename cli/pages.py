"""What commands show: the list of jobs as a table, one job as its story."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table

from cli.lifecycles import Row, Told, age
from runs_fleet import glossary, story
from runs_fleet.outcomes import Attempt, Timings

# A pipe has no width, and whoever searches in it wants whole names.
PIPED_WIDTH = 240
MINUTE = 60
COLUMNS = ("job", "repo", "name", "state", "runner", "machine", "attempt", "age", "conclusion")
WAYS = {
    "check_run": "by a check run on the commit",
    "status": "by a commit status",
    "nobody": "nobody could be told at GitHub",
}


def console() -> Console:
    """Write to stdout, as wide as it is."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def table(rows: Sequence[Row], now: datetime) -> Table:
    """Lay out the list of jobs."""
    made = Table(*COLUMNS)
    for row in rows:
        machine = " ".join(part for part in (row.machine_type, row.machine_id) if part)
        made.add_row(
            str(row.job_id),
            row.repo,
            row.name,
            row.state,
            row.runner,
            machine,
            str(row.attempt or ""),
            span(age(row, now)),
            row.conclusion,
        )
    return made


def page(told: Told) -> str:
    """Tell one job's story."""
    return "\n".join(
        [
            *(f"{name:<11} {value}" for name, value in _facts(told) if value),
            "",
            *_times(told.outcome.timings, is_open=told.job.is_open),
            *(line for attempt in told.outcome.attempts for line in _attempt(told, attempt)),
        ]
    )


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    request, outcome = told.request, told.outcome
    job = " / ".join(part for part in (request.workflow, request.name) if part)
    yield "job", " · ".join(part for part in (str(request.job_id), outcome.repo, job) if part)
    yield "at GitHub", request.url
    yield "label", request.label
    yield "asked for", story.asked(request.spec) if request.spec else ""
    yield "state", _state(told)
    yield "conclusion", outcome.conclusion or ""
    yield "reason", outcome.reason
    yield "told", WAYS.get(outcome.told, outcome.told)
    yield "runner", outcome.runner
    yield "cost", _cost(told)
    yield "run again", "asked for, because its machine was lost" if outcome.rerun_requested else ""


def _state(told: Told) -> str:
    state = told.outcome.state.replace("idle", "booting")
    words = f"{state}: {glossary.STATES[state]}" if state in glossary.STATES else state
    broken = told.job.state if told.job.state not in glossary.STATES else ""
    return f"{broken} by Temporal, when it was {words}" if broken else words


def _cost(told: Told) -> str:
    if told.outcome.cost is None:
        return ""
    return f"${told.outcome.cost:.4f}" + (" so far" if told.job.is_open else "")


def _times(timings: Timings, *, is_open: bool) -> Iterator[str]:
    yield "moment      UTC                    after"
    for name in Timings.model_fields:
        at: datetime | None = getattr(timings, name)
        # Of an open job it is the time of the question.
        if at is not None and not (is_open and name == "released"):
            after = span(at - timings.queued)
            yield f"{name:<11} {at:%Y-%m-%d %H:%M:%S}    {after}"


def _attempt(told: Told, attempt: Attempt) -> Iterator[str]:
    machine = attempt.machine
    facts = (
        (machine.machine_type, machine.market, machine.zone, machine.machine_id) if machine else ()
    )
    yield ""
    made = ", ".join(fact for fact in facts if fact) or "no machine"
    yield f"attempt {attempt.number}   {attempt.runner}: {made}"
    moments = (
        ("made", attempt.created_at),
        ("ready", attempt.ready_at),
        ("gone", attempt.ended_at),
    )
    since = told.outcome.timings.queued
    passed = [f"{name} after {span(at - since)}" for name, at in moments if at is not None]
    details = (
        ("", ", ".join(passed)),
        ("served job ", str(attempt.served_job or "")),
        ("let go of: ", glossary.cause(attempt.cause) if attempt.cause else ""),
        ("last word: ", " ".join(attempt.detail.split())),
    )
    yield from (f"            {words}{value}" for words, value in details if value)


def span(length: timedelta) -> str:
    """Write a length of time as people say it."""
    seconds = max(length.total_seconds(), 0.0)
    minutes, hours = int(seconds // MINUTE), int(seconds // 3600)
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if hours == 0:
        return f"{minutes} min {int(seconds % MINUTE)} s"
    return f"{hours} h {minutes % 60} min"
