"""What is sold out or taken away too often is left alone for a while, and then tried again."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from runs_fleet import market
from runs_fleet.market import (
    MOST_BREAKERS,
    MOST_SHORTAGES,
    PROBE_LEASE,
    UNPROBED,
    Breaker,
    Kind,
    MarketState,
    News,
    Offer,
    Phase,
    Probe,
    ResetRequest,
    ResetResult,
    Rules,
)
from runs_fleet.models import Machine, Market
from runs_fleet.runner import Runner
from tests.markets import C8G, NOON, minutes, seen, state_of

RULES = Rules()


def after(losses: Iterable[datetime], state: MarketState | None = None) -> MarketState:
    """Lose one machine after the other, each told as it happens."""
    state = state or MarketState()
    for number, at in enumerate(losses):
        state = market.lost(state, seen(at=at, runner=f"r-{number}-{at}"), at)
    return state


def opened(at: datetime = NOON) -> MarketState:
    return after([at] * RULES.threshold)


def sold_out(state: MarketState, now: datetime) -> list[Offer]:
    return [each.offer for each in market.tidied(state, now).shortages]


@pytest.mark.parametrize(
    ("losses", "phase"),
    [
        ([], "closed"),
        ([0, 0], "closed"),
        ([0, 0, 0], "open"),
        ([0, 5, 9.9], "open"),
        ([0, 5, 10.1], "closed"),
        ([0, 0, 11, 11], "closed"),
        ([0, 11, 12, 13], "open"),
    ],
)
def test_losses_within_the_window_open_a_breaker(losses: list[float], phase: Phase) -> None:
    state = after(map(minutes, losses))
    assert state_of(state, minutes(max(losses, default=0))) == phase


@pytest.mark.parametrize(
    ("probe", "later", "phase"),
    [
        (None, 9.9, "open"),
        (None, 10, "half-open"),
        (None, 10 + UNPROBED / timedelta(minutes=1), "closed"),
        (Probe(holder="w", since=minutes(12)), 12.9, "probing"),
        (Probe(holder="w", since=minutes(12)), 13, "half-open"),
        (Probe(holder="w", since=minutes(60)), 71, "half-open"),
        (Probe(holder="w", since=minutes(12), bought_at=minutes(12.5)), 22.4, "probing"),
        (Probe(holder="w", since=minutes(12), bought_at=minutes(12.5)), 22.5, "closed"),
    ],
)
def test_a_breaker_goes_through_its_phases_by_the_clock(
    probe: Probe | None, later: float, phase: Phase
) -> None:
    breaker = Breaker(
        market=Market.SPOT, machine_type="c8g.large", open_until=minutes(10), probe=probe
    )
    assert market.phase(breaker, RULES, minutes(later)) == phase


def test_the_same_loss_told_twice_counts_once() -> None:
    state = MarketState()
    for _ in range(5):
        state = market.lost(state, seen(runner="runs-fleet-1-1"), NOON)
    assert [len(each.losses) for each in state.breakers] == [1]


def test_a_loss_that_is_told_too_late_counts_no_more() -> None:
    assert market.lost(MarketState(), seen(at=minutes(-11)), NOON).breakers == ()


def test_losses_of_one_kind_leave_others_alone() -> None:
    assert state_of(opened(), NOON, Kind(Market.SPOT, "m8g.large")) == "closed"
    assert state_of(opened(), NOON, Kind(Market.ON_DEMAND, "c8g.large")) == "closed"


def test_a_probe_is_granted_to_one_worker_at_a_time() -> None:
    now = minutes(11)
    first = market.noted(opened(), News(holder="a", wanted=(C8G,)), now)
    second = market.noted(first, News(holder="b", wanted=(C8G,)), now)
    assert [each.probe and each.probe.holder for each in second.breakers] == ["a"]
    third = market.noted(second, News(holder="b", wanted=(C8G,)), now + PROBE_LEASE)
    assert [each.probe and each.probe.holder for each in third.breakers] == ["b"]


@pytest.mark.parametrize("when", [-1, 0, 9])
def test_no_probe_is_granted_while_a_breaker_is_open_or_closed(when: float) -> None:
    news = News(holder="a", wanted=(C8G, Kind(Market.SPOT, "unknown")))
    state = market.noted(opened(), news, minutes(when))
    assert [each.probe for each in state.breakers] == [None]


def test_a_probe_that_stays_closes_the_breaker() -> None:
    state = market.noted(opened(), News(holder="a", wanted=(C8G,)), minutes(11))
    state = market.noted(state, News(holder="a", bought=(seen(at=minutes(11)),)), minutes(11))
    assert state_of(state, minutes(20.9)) == "probing"
    assert market.tidied(state, minutes(21)).breakers == ()


def test_a_probe_that_is_lost_opens_the_breaker_again() -> None:
    state = market.noted(opened(), News(bought=(seen(at=minutes(11)),)), minutes(11))
    state = after([minutes(12)], state)
    assert [state_of(state, minutes(m)) for m in (12, 21.9, 22)] == ["open", "open", "half-open"]


def test_a_machine_bought_while_the_breaker_was_open_is_no_probe() -> None:
    state = market.noted(opened(), News(bought=(seen(at=minutes(9)),)), minutes(11))
    assert state_of(state, minutes(11)) == "half-open"


def test_a_loss_while_open_does_not_prolong_it() -> None:
    assert state_of(after([minutes(5)], opened()), minutes(10)) == "half-open"


@pytest.mark.parametrize(
    ("at", "now", "left"), [(0, 0, True), (0, 2.9, True), (0, 3, False), (9, 0, True)]
)
def test_an_offer_is_sold_out_for_three_minutes(at: float, now: float, *, left: bool) -> None:
    state = market.noted(MarketState(), News(sold_out=(seen(at=minutes(at)),)), NOON)
    assert bool(sold_out(state, minutes(now))) is left
    assert sold_out(state, minutes(3)) == []


def test_news_that_come_late_or_again_shorten_nothing() -> None:
    late, again = News(sold_out=(seen(at=minutes(-2)),)), News(sold_out=(seen(),))
    state = market.noted(MarketState(), again, NOON)
    assert market.noted(market.noted(state, late, NOON), again, NOON) == state


def test_the_rules_that_were_heard_last_count() -> None:
    rules = Rules(threshold=1, sold_out_for=timedelta(minutes=9))
    state = market.noted(MarketState(), News(rules=rules, sold_out=(seen(),)), NOON)
    assert sold_out(state, minutes(8)) != []
    assert state_of(after([NOON], state), NOON) == "open"
    assert market.noted(state, News(), NOON).rules == rules


@pytest.mark.parametrize(
    ("asked", "left", "forgotten"),
    [
        (ResetRequest(), [], (2, 1)),
        (ResetRequest(market=Market.ON_DEMAND), ["c8g.large"], (1, 0)),
        (ResetRequest(machine_type="c8g.large"), ["m8g.large"], (1, 1)),
        (ResetRequest(machine_type="c8g.large", market=Market.SPOT), ["m8g.large"], (1, 1)),
    ],
)
def test_an_operator_can_have_things_forgotten(
    asked: ResetRequest, left: list[str], forgotten: tuple[int, int]
) -> None:
    full = News(sold_out=(seen(), seen("m8g.large", way=Market.ON_DEMAND)))
    state = market.noted(opened(), full, NOON)
    assert market.refusal(state, asked) == ""
    state, told = market.reset(state, asked)
    assert sorted({name for _, name, _ in sold_out(state, NOON)}) == left
    assert told == ResetResult(shortages=forgotten[0], breakers=forgotten[1])


def test_a_reset_of_what_is_not_remembered_is_refused_with_what_is() -> None:
    assert "spot/c8g.large" in market.refusal(opened(), ResetRequest(machine_type="c9x.large"))
    assert "nothing" in market.refusal(MarketState(), ResetRequest(market=Market.SPOT))
    assert market.refusal(MarketState(), ResetRequest()) == ""


@pytest.mark.parametrize(
    ("lost", "way", "facts", "told"),
    [
        ("interrupted", Market.SPOT, {}, True),
        ("Server.SpotInstanceTermination", Market.SPOT, {}, True),
        ("shutting-down", Market.SPOT, {}, True),
        ("Client.UserInitiatedShutdown", Market.SPOT, {}, False),
        ("interrupted", Market.ON_DEMAND, {}, False),
        ("interrupted", Market.SPOT, {"ended": "Succeeded"}, False),
        ("", Market.SPOT, {}, False),
    ],
)
def test_only_what_the_spot_market_takes_counts_as_its_loss(
    lost: str, way: Market, facts: dict[str, Any], *, told: bool
) -> None:
    machine = Machine(machine_id="i-1", machine_type="c8g.large", market=way, zone="z-a")
    runner = Runner(1, "r", ordered_at=NOON, machine=machine, lost=lost, lost_at=NOON, **facts)
    assert market.loss(runner) == (seen(runner="r") if told else None)


def test_a_runner_whose_machine_is_not_known_lost_nothing() -> None:
    assert market.loss(Runner(1, "r", ordered_at=NOON, lost="interrupted", lost_at=NOON)) is None


def test_what_is_remembered_is_bounded() -> None:
    many = range(max(MOST_SHORTAGES, MOST_BREAKERS) + 50)
    full = tuple(seen(f"t{n}.large", minutes(-n / 1000)) for n in many)
    state = market.noted(MarketState(), News(sold_out=full), NOON)
    for one in full:
        state = market.lost(state, one, NOON)
    assert (len(state.shortages), len(state.breakers)) == (MOST_SHORTAGES, MOST_BREAKERS)
    assert full[0].offer in sold_out(state, NOON)
    assert full[-1].offer not in sold_out(state, NOON)
