"""Events written down for the spool, and read back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake import letters
from intake.letters import MOST_BYTES, Event, TooLarge, Unreadable
from tests.intake.events import moved, queued


@pytest.mark.parametrize(
    "event",
    [
        queued(),
        queued(label="runs-fleet/cpus=4"),
        queued(label="runs-fleet=12/runner=2cpu-linux-arm64"),
        moved(),
        moved(phase="in_progress", ours=False),
    ],
    ids=["queued", "refused", "run id", "completed", "foreign"],
)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    assert letters.opened(letters.sealed(event).body) == event


@given(st.text(max_size=250), st.text(max_size=250))
def test_names_of_any_kind_survive(name: str, workflow: str) -> None:
    event = queued(name=name, workflow=workflow)
    assert letters.opened(letters.sealed(event).body) == event


def test_events_of_a_job_are_one_group_and_a_repeat_has_the_same_key() -> None:
    written = [letters.sealed(e) for e in (queued(), queued(delivery="again"), moved())]
    assert [letter.group for letter in written] == ["7", "7", "7"]
    assert [letter.key for letter in written] == ["7:queued", "7:queued", "7:completed"]


def test_what_a_newer_peer_adds_is_not_minded() -> None:
    body = json.loads(letters.sealed(queued()).body) | {"novelty": 1}
    assert letters.opened(json.dumps(body)) == queued()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"kind": "danced"}',
        '{"kind": "queued"}',
        '{"kind": "moved", "event": {}}',
        letters.sealed(queued(labels=("somebody-else",))).body,
    ],
)
def test_what_is_no_event_is_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        letters.opened(body)


def test_an_event_that_does_not_fit_is_told() -> None:
    with pytest.raises(TooLarge):
        letters.sealed(queued(labels=("x" * MOST_BYTES,)))
