"""Jobs as they came, for a backtest: read from CSV or JSON, and written."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from runs_fleet.errors import Refused
from runs_fleet.models import Wire
from runs_fleet.pools import durations

COLUMNS = ("queued_at", "duration", "repo", "pool")
MOST_SHOWN = 10
ACCEPTED = "queued_at is ISO 8601 (UTC without an offset), duration seconds or 15m"


class Arrival(Wire):
    """One job: when it was queued, how long it ran, and the pool that it named."""

    queued_at: datetime
    duration: timedelta
    repo: str = ""
    pool: str = ""


def read(text: str) -> list[Arrival]:
    """Read a JSON list, or CSV with a line of names first, in order of time. Raises Refused."""
    try:
        rows = json.loads(text) if text.lstrip().startswith("[") else _csv(text)
    except (ValueError, csv.Error) as error:
        raise Refused(f"these are no arrivals: {error}") from error
    found, wrong = list[Arrival](), list[str]()
    for place, row in rows if isinstance(rows, Iterator) else enumerate(rows, 1):
        try:
            found.append(_arrival(row))
        except (ValueError, TypeError) as error:
            wrong.append(f"{place}: {_words(error)}")
    if wrong:
        more = f"\nand {len(wrong) - MOST_SHOWN} more" if len(wrong) > MOST_SHOWN else ""
        raise Refused("\n".join(wrong[:MOST_SHOWN]) + f"{more}\n{ACCEPTED}")
    return sorted(found, key=lambda each: each.queued_at)


def write(arrivals: Iterable[Arrival]) -> str:
    """Write arrivals as CSV, so that `read` understands them."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for each in arrivals:
        seconds = f"{each.duration.total_seconds():g}"
        lines.writerow([each.queued_at.isoformat(), seconds, each.repo, each.pool])
    return text.getvalue()


def _csv(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS[:2] if name not in (rows.fieldnames or ())]
    if missing:
        raise ValueError(f"the first line names no {missing[0]}; name {', '.join(COLUMNS)}")
    return ((rows.line_num, row) for row in rows)


def _arrival(row: Any) -> Arrival:
    if not isinstance(row, Mapping):
        raise ValueError(f"{row!r} has no fields")
    fields = {key: value for key, value in row.items() if key in COLUMNS and value is not None}
    if missing := [name for name in COLUMNS[:2] if fields.get(name) in (None, "")]:
        raise ValueError(f"it has no {missing[0]}")
    fields["duration"] = _length(fields["duration"])
    read = Arrival.model_validate(fields)
    aware = read.queued_at if read.queued_at.tzinfo else read.queued_at.replace(tzinfo=UTC)
    return read.model_copy(update={"queued_at": aware.astimezone(UTC)})


def _length(written: Any) -> timedelta:
    try:
        length = timedelta(seconds=float(written))
    except (TypeError, ValueError, OverflowError):
        length = durations.read(str(written))
    if length < timedelta(0):
        raise ValueError(f"{written!r} is a negative duration")
    return length


def _words(error: ValueError | TypeError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
