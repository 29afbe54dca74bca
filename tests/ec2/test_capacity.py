"""What one process knows of the market, and what it leaves out of its orders for that."""

from datetime import timedelta

import pytest

from runs_fleet import market
from runs_fleet.errors import NoCapacity
from runs_fleet.market import Kind, MarketState, News, Offer, Sighting
from runs_fleet.models import Machine, Market
from runs_fleet.providers.ec2.capacity import CapacityMemory
from tests.ec2.orders import ON_DEMAND, order
from tests.ec2.stubs import OFFERED, Clock, ScriptedEc2, full

IN_A, IN_B = (Offer(Market.SPOT, "c8g.large", zone) for zone in ("z-a", "z-b"))
C8G = Kind(Market.SPOT, "c8g.large")
XLARGE = OFFERED[2:]
MADE = Machine(machine_id="i-1", machine_type="c8g.large", market=Market.SPOT, zone="z-b")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> CapacityMemory:
    return CapacityMemory(holder="me", now=clock.moment)


def sold_out(*offers: Offer, clock: Clock) -> MarketState:
    """What all know when these were sold out just now."""
    seen = tuple(_seen(offer, clock) for offer in offers)
    return market.noted(MarketState(), News(sold_out=seen), clock.moment())


def opened(clock: Clock) -> MarketState:
    """What all know when three machines of one kind were taken away just now."""
    state = MarketState()
    for runner in "abc":
        loss = _seen(IN_B, clock).model_copy(update={"runner": runner})
        state = market.lost(state, loss, clock.moment())
    return state


def probing(state: MarketState, clock: Clock, holder: str = "me") -> MarketState:
    """What all know when somebody was granted the probe just now."""
    return market.noted(state, News(holder=holder, wanted=(C8G,)), clock.moment())


def _seen(offer: Offer, clock: Clock) -> Sighting:
    return Sighting(
        market=offer.market, machine_type=offer.type_name, zone=offer.zone, at=clock.moment()
    )


def offers(memory: CapacityMemory) -> set[Offer]:
    return set(memory.avoided([], token="t").offers)


def kinds(memory: CapacityMemory, token: str = "t") -> set[Kind]:
    return set(memory.avoided([C8G], token=token).kinds)


def test_what_is_sold_out_here_counts_at_once_and_for_three_minutes(
    memory: CapacityMemory, clock: Clock
) -> None:
    memory.note([IN_A])
    clock.now += 179
    memory.note([IN_B])
    assert offers(memory) == {IN_A, IN_B}
    clock.now += 2
    assert offers(memory) == {IN_B}


def test_what_others_saw_counts_while_it_holds(memory: CapacityMemory, clock: Clock) -> None:
    clock.now -= 170
    view = sold_out(IN_A, clock=clock)
    clock.now += 170
    memory.adopt(view)
    assert offers(memory) == {IN_A}
    clock.now += 11
    assert offers(memory) == set()


def test_a_stale_view_allows_everything(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock).model_copy(
        update={"shortages": sold_out(IN_A, clock=clock).shortages},
    )
    memory.adopt(view)
    assert (offers(memory), kinds(memory)) == ({IN_A}, {C8G})
    clock.now += 61
    assert (offers(memory), kinds(memory)) == (set(), set())


def test_what_is_new_is_told_once(memory: CapacityMemory, clock: Clock) -> None:
    memory.note([IN_A])
    assert [each.offer for each in memory.news().sold_out] == [IN_A]
    assert memory.news().sold_out == ()


def test_what_all_know_anyway_is_no_news(memory: CapacityMemory, clock: Clock) -> None:
    memory.adopt(sold_out(IN_A, clock=clock))
    memory.note([IN_A, IN_B])
    assert [each.offer for each in memory.news().sold_out] == [IN_B]
    clock.now += 40
    memory.note([IN_A])
    assert [each.offer for each in memory.news().sold_out] == [IN_A]


def test_what_could_not_be_told_is_told_again(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock)
    clock.now += 601
    memory.adopt(view)
    memory.note([IN_A])
    memory.settle("t", MADE)
    first = memory.news()
    memory.keep(first)
    assert memory.news() == first
    assert (len(first.sold_out), len(first.bought)) == (1, 1)


def test_a_reset_reaches_what_this_process_has_told(memory: CapacityMemory) -> None:
    memory.note([IN_A])
    told = memory.news()
    memory.adopt(MarketState())
    assert told.sold_out
    assert offers(memory) == set()


def test_a_view_does_not_hide_what_is_not_told_yet(memory: CapacityMemory) -> None:
    memory.note([IN_A])
    memory.news()
    memory.note([IN_A])
    memory.adopt(MarketState())
    assert offers(memory) == {IN_A}


def test_a_half_open_kind_that_an_order_would_buy_is_asked_for(
    memory: CapacityMemory, clock: Clock
) -> None:
    view = opened(clock)
    clock.now += 601
    memory.adopt(view)
    memory.avoided([], token="t")
    assert memory.news().wanted == ()
    assert kinds(memory) == {C8G}
    assert memory.news().wanted == (C8G,)


def test_a_granted_probe_is_for_one_order_at_a_time(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock)
    clock.now += 601
    memory.adopt(probing(view, clock))
    assert [kinds(memory, token) for token in ("a", "b", "a")] == [set(), {C8G}, set()]
    memory.settle("a", None)
    assert [kinds(memory, token) for token in ("b", "a")] == [set(), {C8G}]


def test_a_probe_that_was_bought_is_spent_and_told(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock)
    clock.now += 601
    view = probing(view, clock)
    memory.adopt(view)
    kinds(memory, "a")
    memory.settle("a", MADE)
    memory.adopt(view)
    assert kinds(memory, "b") == {C8G}
    assert [each.kind for each in memory.news().bought] == [C8G]


def test_somebody_elses_probe_is_not_ours(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock)
    clock.now += 601
    memory.adopt(probing(view, clock, holder="another"))
    assert kinds(memory) == {C8G}


def test_a_probe_runs_out(memory: CapacityMemory, clock: Clock) -> None:
    view = opened(clock)
    clock.now += 601
    view = probing(view, clock)
    clock.now += market.PROBE_LEASE / timedelta(seconds=1) + 1
    memory.adopt(view)
    assert kinds(memory) == {C8G}


def test_a_kind_that_is_taken_away_too_often_is_not_ordered(ec2: ScriptedEc2) -> None:
    ec2.memory.adopt(opened(ec2.clock))
    ec2.starts("i-1")
    ec2.starts("i-2")
    ec2.provider.create(order())
    ec2.provider.create(order(rung=ON_DEMAND))
    assert ec2.overrides(0) == XLARGE
    assert set(OFFERED) < set(ec2.overrides(1))


def test_an_order_probes_a_half_open_kind_once(ec2: ScriptedEc2) -> None:
    view = opened(ec2.clock)
    ec2.clock.now += 601
    ec2.memory.adopt(probing(view, ec2.clock))
    ec2.starts("i-1")
    ec2.starts("i-2")
    ec2.provider.create(order())
    assert [each.kind for each in ec2.memory.news().bought] == [C8G]
    ec2.provider.create(order())
    assert [ec2.overrides(call) for call in range(2)] == [OFFERED, XLARGE]


def test_a_probe_that_found_no_capacity_is_for_the_next_order(ec2: ScriptedEc2) -> None:
    view = opened(ec2.clock)
    ec2.clock.now += 601
    ec2.memory.adopt(probing(view, ec2.clock))
    ec2.starts(errors=[full("c8g.large", "subnet-a")])
    ec2.starts("i-1")
    with pytest.raises(NoCapacity):
        ec2.provider.create(order())
    ec2.provider.create(order())
    assert ec2.overrides() == OFFERED[1:]
