"""Which deliveries are asked for again, from the list that GitHub keeps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs_fleet import redelivery
from runs_fleet.hooks import Delivery, DeliveryPage, FailedDelivery, HookState

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLENTY = 1000


def delivery(number: int, guid: str, *, ok: bool = False, **more: object) -> Delivery:
    """One attempt; the number is its id, and the seconds since long ago."""
    at = NOW - timedelta(days=2) + timedelta(seconds=number)
    facts = {"delivery_id": number, "guid": guid, "at": at, "ok": ok, "event": "workflow_job"}
    return Delivery.model_validate(facts | more)


class Hook:
    """A hook's list as GitHub pages it: newest first, by cursor."""

    def __init__(self, *log: Delivery, per_page: int = 3) -> None:
        self.log, self.per_page = list(log), per_page
        self.asked: list[str] = []

    def __call__(self, cursor: str) -> DeliveryPage:
        self.asked.append(cursor)
        newest = sorted(self.log, key=lambda one: one.delivery_id, reverse=True)
        rest = [one for one in newest if not cursor or one.delivery_id <= int(cursor)]
        after = str(rest[self.per_page].delivery_id) if len(rest) > self.per_page else None
        return DeliveryPage(items=tuple(rest[: self.per_page]), after=after)


def read(hook: Hook, state: HookState | None = None, *, pages: int = PLENTY) -> HookState:
    return redelivery.read(state or HookState(), hook, now=NOW, pages=pages)


def due(state: HookState, *, now: datetime = NOW, most: int = 25) -> list[str]:
    return redelivery.due(state, now=now, settle=MINUTE, most=most)


@pytest.mark.parametrize(
    ("log", "asked_for"),
    [
        pytest.param([delivery(1, "a")], ["a"], id="failed"),
        pytest.param([delivery(1, "a", ok=True)], [], id="arrived"),
        pytest.param([delivery(1, "a"), delivery(2, "a", ok=True)], [], id="arrived at last"),
        pytest.param([delivery(1, "a", ok=True), delivery(2, "a")], [], id="arrived before"),
        pytest.param([delivery(1, "a"), delivery(2, "a")], ["a"], id="failed twice"),
        pytest.param([delivery(1, "a", event="push")], [], id="not our event"),
        pytest.param([delivery(1, "a", at=NOW - timedelta(days=4))], [], id="too old"),
        pytest.param([delivery(1, "a", at=NOW - MINUTE / 2)], [], id="too young"),
        pytest.param([delivery(2, "b"), delivery(1, "a")], ["a", "b"], id="oldest first"),
    ],
)
def test_what_never_arrived_is_asked_for(log: list[Delivery], asked_for: list[str]) -> None:
    assert due(read(Hook(*log))) == asked_for


def test_the_newest_attempt_is_the_one_to_repeat() -> None:
    state = read(Hook(delivery(1, "a"), delivery(5, "a"), delivery(3, "a")))
    assert state.failed["a"].delivery_id == 5


def test_what_was_asked_for_waits_for_its_answer() -> None:
    state = redelivery.asked(read(Hook(delivery(1, "a"))), ["a"], NOW)
    assert due(state) == []
    assert due(state, now=NOW + 11 * MINUTE) == ["a"]


def test_a_redelivery_that_fails_again_comes_back() -> None:
    hook = Hook(delivery(1, "a"))
    state = redelivery.asked(read(hook), ["a"], NOW)
    hook.log.append(delivery(9, "a"))
    state = read(hook, state)
    assert due(state) == ["a"]
    assert state.failed["a"].tries == 1


def test_a_redelivery_that_arrives_is_settled() -> None:
    hook = Hook(delivery(1, "a"))
    state = redelivery.asked(read(hook), ["a"], NOW)
    hook.log.append(delivery(9, "a", ok=True))
    assert read(hook, state).failed == {}


def test_events_that_we_always_refuse_do_not_keep_others_waiting() -> None:
    state = read(Hook(delivery(1, "poison"), delivery(2, "fresh")))
    tried = redelivery.asked(state, ["poison"], NOW - timedelta(hours=1))
    assert due(tried, most=1) == ["fresh"]


def test_a_second_reading_goes_no_further_back_than_needed() -> None:
    hook = Hook(*(delivery(60 * number, f"old-{number}", ok=True) for number in range(30)))
    state = read(hook)
    hook.asked.clear()
    hook.log.append(delivery(1801, "new"))
    assert due(read(hook, state)) == ["new"]
    assert len(hook.asked) == 3


def test_a_delivery_that_ends_late_is_seen_although_newer_ones_were() -> None:
    hook = Hook(delivery(100, "quick", ok=True))
    state = read(hook)
    hook.log.append(delivery(99, "slow"))
    assert due(read(hook, state)) == ["slow"]


def test_what_one_run_has_no_time_for_the_next_reads() -> None:
    log = [delivery(number, f"g{number}") for number in range(10)]
    hook = Hook(*log)
    state = read(hook, pages=2)
    assert len(state.failed) == 6
    assert len(read(hook, state, pages=4).failed) == 10


def test_what_github_has_forgotten_is_given_up() -> None:
    state = redelivery.forgotten(read(Hook(delivery(1, "a"), delivery(2, "b"))), ["a"])
    assert list(state.failed) == ["b"]


def test_what_is_remembered_is_bounded() -> None:
    log = [delivery(number, f"g{number}") for number in range(1200)]
    hook = Hook(*log, per_page=100)
    state = read(hook)
    assert len(state.failed) == redelivery.MOST_FAILED
    assert state.unread


def test_failures_of_three_days_ago_are_forgotten() -> None:
    old = NOW - redelivery.WINDOW - MINUTE
    failed = {"a": FailedDelivery(delivery_id=1, first_at=old, at=NOW - MINUTE)}
    assert read(Hook(), HookState(failed=failed)).failed == {}


EVENTS = st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(1, 4), st.integers(1, 5), st.integers(1, 600))
def test_however_it_is_read_nothing_that_never_arrived_is_missed(
    events: Sequence[tuple[int, bool]], pages: int, per_page: int, apart: int
) -> None:
    hook, state = Hook(per_page=per_page), HookState()
    for number, (event, ok) in enumerate(events):
        hook.log.append(delivery(2 * apart * number, f"g{event}", ok=ok))
        hook.log.append(delivery(2 * apart * number + 1, f"n{number}", ok=True))
        state = read(hook, state, pages=pages)
    state = read(hook, read(hook, state))
    arrived = {one.guid for one in hook.log if one.ok}
    assert {one.guid for one in hook.log} - arrived <= set(due(state, most=PLENTY))


@settings(max_examples=100, deadline=None)
@given(EVENTS)
def test_one_reading_of_everything_asks_for_exactly_what_never_arrived(
    events: Sequence[tuple[int, bool]],
) -> None:
    log = [delivery(number, f"g{event}", ok=ok) for number, (event, ok) in enumerate(events)]
    arrived = {one.guid for one in log if one.ok}
    assert set(due(read(Hook(*log)), most=PLENTY)) == {one.guid for one in log} - arrived
