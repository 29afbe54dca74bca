"""What is seen of a market, and when, in the words of its tests."""

from datetime import UTC, datetime, timedelta

from runs_fleet import market
from runs_fleet.market import Kind, MarketState, Phase, Sighting
from runs_fleet.models import Market

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
C8G = Kind(Market.SPOT, "c8g.large")


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def seen(
    name: str = "c8g.large",
    at: datetime = NOON,
    *,
    zone: str = "z-a",
    runner: str = "",
    way: Market = Market.SPOT,
) -> Sighting:
    return Sighting(market=way, machine_type=name, zone=zone, at=at, runner=runner)


def state_of(state: MarketState, now: datetime, kind: Kind = C8G) -> Phase:
    found = {each.kind: each for each in state.breakers}
    return market.phase(found[kind], state.rules, now) if kind in found else "closed"
