"""Whatever is told of a market, some things hold of what is remembered."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from runs_fleet import market
from runs_fleet.market import Kind, MarketState, News, Sighting
from runs_fleet.models import Market
from tests.markets import NOON, seen, state_of

NAMES = st.sampled_from(["c8g.large", "m8g.large"])
WORDS = st.one_of(
    st.builds(seen, NAMES, runner=st.uuids().map(str)),
    st.builds(
        News,
        holder=st.sampled_from(["a", "b"]),
        sold_out=st.lists(st.builds(seen, NAMES), max_size=2).map(tuple),
        bought=st.lists(st.builds(seen, NAMES), max_size=1).map(tuple),
        wanted=st.lists(st.builds(Kind, st.just(Market.SPOT), NAMES), max_size=2).map(tuple),
    ),
)
STORIES = st.lists(st.tuples(st.floats(0, 6), WORDS), max_size=40)


def moved(said: News | Sighting, now: datetime) -> News | Sighting:
    """Say it as if it had happened just now."""
    if isinstance(said, Sighting):
        return said.model_copy(update={"at": now})
    told = {key: _at(getattr(said, key), now) for key in ("sold_out", "bought")}
    return said.model_copy(update=told)


def _at(sightings: Iterable[Sighting], now: datetime) -> tuple[Sighting, ...]:
    return tuple(each.model_copy(update={"at": now}) for each in sightings)


def told(story: list[tuple[float, News | Sighting]]) -> list[tuple[datetime, MarketState]]:
    """Tell a story; returns what is remembered after each word, and when that was."""
    states, now, state = list[tuple[datetime, MarketState]](), NOON, MarketState()
    for pause, said in story:
        now += timedelta(minutes=pause)
        state = market.heard(state, moved(said, now), now)
        states.append((now, state))
    return states


@given(STORIES)
def test_nothing_stays_shut_for_ever(story: list[tuple[float, News | Sighting]]) -> None:
    for now, state in told(story)[-1:]:
        assert market.tidied(state, now + timedelta(hours=2)) == MarketState()


@given(STORIES)
def test_tidying_changes_nothing_that_counts(story: list[tuple[float, News | Sighting]]) -> None:
    for now, state in told(story):
        for later in (now, now + timedelta(minutes=7), now + timedelta(minutes=25)):
            tidied = market.tidied(state, later)
            assert state_of(tidied, later) == state_of(state, later)
            assert market.tidied(tidied, later) == tidied


@given(STORIES)
def test_a_kind_is_reopened_only_by_a_loss(story: list[tuple[float, News | Sighting]]) -> None:
    before = MarketState()
    for (now, state), (_, said) in zip(told(story), story, strict=True):
        was = state_of(before, now)
        assert state_of(state, now) != "open" or was == "open" or isinstance(said, Sighting)
        before = state


@given(STORIES)
def test_a_probe_is_never_taken_from_who_has_it(
    story: list[tuple[float, News | Sighting]],
) -> None:
    before = MarketState()
    for now, state in told(story):
        held = {b.kind: b.probe.since for b in before.breakers if b.probe}
        kept = {b.kind: b.probe.since for b in state.breakers if b.probe}
        probing = [kind for kind in held if state_of(before, now, kind) == "probing"]
        assert all(kept.get(kind) in (held[kind], None) for kind in probing)
        before = state
