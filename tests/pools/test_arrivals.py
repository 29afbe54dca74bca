"""Arrivals: jobs as they came, from CSV and JSON, and back."""

from datetime import UTC, datetime, timedelta

import pytest

from runs_fleet.errors import Refused
from runs_fleet.pools.arrivals import Arrival, read, write

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
CSV = """\
queued_at,duration,repo,pool,colour
2026-11-26T10:00:00+01:00,90.5,octo/hello,default,red
2026-11-26T08:00:00,15m,octo/world,,blue
"""
JSON = """\
[{"queued_at": "2026-11-26T09:00:00Z", "duration": 90.5, "repo": "octo/hello", "pool": "default"},
 {"queued_at": "2026-11-26T08:00:00", "duration": "15m", "repo": "octo/world", "pool": null}]
"""


@pytest.mark.parametrize("text", [CSV, JSON])
def test_jobs_are_read_in_the_order_of_time(text: str) -> None:
    assert read(text) == [
        Arrival(
            queued_at=NINE - timedelta(hours=1),
            duration=timedelta(minutes=15),
            repo="octo/world",
        ),
        Arrival(
            queued_at=NINE, duration=timedelta(seconds=90.5), repo="octo/hello", pool="default"
        ),
    ]


def test_what_is_written_is_read_again() -> None:
    assert read(write(read(CSV))) == read(CSV)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line names no queued_at"),
        ("queued_at,length\n", "the first line names no duration"),
        ("queued_at,duration\nsoon,3\n", "2: queued_at: input should be a valid datetime"),
        ("queued_at,duration\n2026-11-26T09:00,soon\n", "2: 'soon' is no length of time"),
        ("queued_at,duration\n2026-11-26T09:00,-1\n", "2: '-1' is a negative duration"),
        ("queued_at,duration\n2026-11-26T09:00,nan\n", "2: 'nan' is no length of time"),
        ("queued_at,duration\n2026-11-26T09:00,\n", "2: it has no duration"),
        ("[3]", "1: 3 has no fields"),
        ("[{}]", "1: it has no queued_at"),
        ("[", "these are no arrivals: "),
    ],
)
def test_what_is_no_job_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        read(text)
    assert said in str(caught.value)


def test_only_the_first_mistakes_are_told() -> None:
    with pytest.raises(Refused, match="and 5 more"):
        read("queued_at,duration\n" + "soon,1\n" * 15)
