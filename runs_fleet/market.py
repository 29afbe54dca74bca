"""What is known of the market for machines: what is sold out, and what is taken away again; pure.

An offer that answered a capacity error is sold out for a few minutes. A kind of machine that is
taken away too often is not bought for a while, by a circuit breaker: when its time is over one
probe is let through, and it closes when that machine stays.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import Field

from runs_fleet.models import Market, Mode, Wire
from runs_fleet.runner import Runner

# How long a probe that was granted may stay unbought before somebody else may have it.
PROBE_LEASE = timedelta(minutes=1)
# A half-open breaker that nobody has cared to probe knows nothing any more.
UNPROBED = timedelta(hours=1)
MOST_SHORTAGES = 1000
MOST_BREAKERS = 200
MOST_LOSSES = 20
LISTED = 20

Phase = Literal["closed", "open", "half-open", "probing"]


class Offer(NamedTuple):
    """One pool of capacity: it is full or not by itself."""

    market: Market
    type_name: str
    zone: str


class Kind(NamedTuple):
    """A type in a market, whatever the zone."""

    market: Market
    type_name: str


class Rules(Wire):
    """How long what is known holds, and how many losses in a window open a breaker."""

    sold_out_for: timedelta = timedelta(minutes=3)
    window: timedelta = timedelta(minutes=10)
    threshold: int = Field(default=3, ge=1, le=MOST_LOSSES)
    open_for: timedelta = timedelta(minutes=10)


class Sighting(Wire):
    """Something that was seen of an offer; `runner` names the one whose machine it was."""

    market: Market
    machine_type: str
    zone: str = ""
    at: datetime
    runner: str = ""

    @property
    def offer(self) -> Offer:
        return Offer(self.market, self.machine_type, self.zone)

    @property
    def kind(self) -> Kind:
        return Kind(self.market, self.machine_type)


class News(Wire):
    """What one worker has seen since it last said so.

    `bought` are machines of kinds with a breaker, `wanted` the kinds that it asks to probe.
    """

    holder: str = ""
    rules: Rules | None = None
    sold_out: tuple[Sighting, ...] = ()
    bought: tuple[Sighting, ...] = ()
    wanted: tuple[Kind, ...] = ()


class Shortage(Wire):
    """An offer that is not worth asking for before `until`."""

    market: Market
    machine_type: str
    zone: str
    until: datetime

    @property
    def offer(self) -> Offer:
        return Offer(self.market, self.machine_type, self.zone)


class Probe(Wire):
    """Who may buy one machine of a half-open kind, and when that was done."""

    holder: str
    since: datetime
    bought_at: datetime | None = None


class Breaker(Wire):
    """The losses of one kind in the window; without `open_until` it is closed."""

    market: Market
    machine_type: str
    losses: tuple[Sighting, ...] = ()
    open_until: datetime | None = None
    probe: Probe | None = None

    @property
    def kind(self) -> Kind:
        return Kind(self.market, self.machine_type)


class MarketState(Wire):
    """All that is remembered; input of the workflow that remembers it, and answer to its query."""

    mode: Mode = "ec2"
    rules: Rules = Rules()
    shortages: tuple[Shortage, ...] = ()
    breakers: tuple[Breaker, ...] = ()
    longest_history: int = 2000


class ResetRequest(Wire):
    """What to forget: all, or what is of this market and this type."""

    market: Market | None = None
    machine_type: str | None = None

    def covers(self, entry: Shortage | Breaker) -> bool:
        """Whether an entry is to be forgotten."""
        of_market = self.market in (None, entry.market)
        return of_market and self.machine_type in (None, entry.machine_type)


class ResetResult(Wire):
    """How much was forgotten."""

    shortages: int
    breakers: int


def phase(breaker: Breaker, rules: Rules, now: datetime) -> Phase:
    """Tell whether a kind may be bought: freely when closed, once when half-open."""
    if breaker.open_until is None:
        return "closed"
    if now < breaker.open_until:
        return "open"
    probe = breaker.probe
    if probe is not None and probe.bought_at is not None:
        return "probing" if now < probe.bought_at + rules.window else "closed"
    if probe is not None and now < probe.since + PROBE_LEASE:
        return "probing"
    asked_at = probe.since if probe is not None else breaker.open_until
    return "half-open" if now < asked_at + UNPROBED else "closed"


def heard(state: MarketState, said: News | Sighting, now: datetime) -> MarketState:
    """Take in whatever was said: what a worker has seen, or that a machine was taken away."""
    return noted(state, said, now) if isinstance(said, News) else lost(state, said, now)


def noted(state: MarketState, news: News, now: datetime) -> MarketState:
    """Take one worker's news in; the same news again changes nothing."""
    rules = news.rules or state.rules
    until = {each.offer: each.until for each in state.shortages}
    for seen in news.sold_out:
        ends = min(seen.at, now) + rules.sold_out_for
        until[seen.offer] = max(ends, until.get(seen.offer, ends))
    breakers = {each.kind: each for each in state.breakers}
    for seen in news.bought:
        if (found := breakers.get(seen.kind)) is not None:
            breakers[seen.kind] = _bought(found, min(seen.at, now), rules, by=news.holder)
    for kind in news.wanted:
        if (found := breakers.get(kind)) is not None and phase(found, rules, now) == "half-open":
            granted = Probe(holder=news.holder, since=now)
            breakers[kind] = found.model_copy(update={"probe": granted})
    shortages = tuple(
        Shortage(market=offer.market, machine_type=offer.type_name, zone=offer.zone, until=ends)
        for offer, ends in until.items()
    )
    changes = {"rules": rules, "shortages": shortages, "breakers": tuple(breakers.values())}
    return tidied(state.model_copy(update=changes), now)


def lost(state: MarketState, loss: Sighting, now: datetime) -> MarketState:
    """Take in that a machine was taken away; the same machine again changes nothing."""
    breakers = {each.kind: each for each in state.breakers}
    new = Breaker(market=loss.market, machine_type=loss.machine_type)
    breakers[loss.kind] = _lost(breakers.get(loss.kind, new), loss, state.rules, now)
    return tidied(state.model_copy(update={"breakers": tuple(breakers.values())}), now)


def refusal(state: MarketState, asked: ResetRequest) -> str:
    """Say why a reset would be a slip of the finger, or nothing."""
    known: list[Shortage | Breaker] = [*state.shortages, *state.breakers]
    if asked == ResetRequest() or any(asked.covers(entry) for entry in known):
        return ""
    kinds = sorted({f"{entry.market}/{entry.machine_type}" for entry in known})
    more = ", ..." if len(kinds) > LISTED else ""
    return f"nothing of that is remembered, but: {', '.join(kinds[:LISTED]) or 'nothing'}{more}"


def reset(state: MarketState, asked: ResetRequest) -> tuple[MarketState, ResetResult]:
    """Forget what was asked for, as if it had never been seen."""
    shortages = tuple(each for each in state.shortages if not asked.covers(each))
    breakers = tuple(each for each in state.breakers if not asked.covers(each))
    forgotten = ResetResult(
        shortages=len(state.shortages) - len(shortages),
        breakers=len(state.breakers) - len(breakers),
    )
    return state.model_copy(update={"shortages": shortages, "breakers": breakers}), forgotten


def tidied(state: MarketState, now: datetime) -> MarketState:
    """Leave out what no longer matters, and of too much what matters least."""
    shortages = [each for each in state.shortages if now < each.until]
    breakers = [_recent(each, state.rules, now) for each in state.breakers]
    held = [each for each in breakers if each.losses or each.open_until is not None]
    shortages.sort(key=lambda each: each.until, reverse=True)
    held.sort(key=_last_heard_of, reverse=True)
    kept = {
        "shortages": tuple(sorted(shortages[:MOST_SHORTAGES], key=lambda each: each.offer)),
        "breakers": tuple(sorted(held[:MOST_BREAKERS], key=lambda each: each.kind)),
    }
    return state.model_copy(update=kept)


def loss(runner: Runner) -> Sighting | None:
    """Tell of a runner whose spot machine was taken away, or None when it was not.

    A loss without a code of the provider's is taken for one of the market: nobody else takes
    machines away as a rule.
    """
    machine = runner.machine
    if machine is None or machine.market is not Market.SPOT or not machine.machine_type:
        return None
    by_market = "Spot" in runner.lost or "." not in runner.lost
    if not runner.reclaimed or not by_market or runner.lost_at is None:
        return None
    return Sighting(
        market=machine.market,
        machine_type=machine.machine_type,
        zone=machine.zone,
        at=runner.lost_at,
        runner=runner.name,
    )


def _bought(found: Breaker, at: datetime, rules: Rules, *, by: str) -> Breaker:
    """Whoever buys a half-open kind probes it, also without having asked."""
    probe = found.probe
    if phase(found, rules, at) not in ("half-open", "probing") or (probe and probe.bought_at):
        return found
    since = probe.since if probe else at
    bought = Probe(holder=by, since=since, bought_at=at)
    return found.model_copy(update={"probe": bought})


def _lost(found: Breaker, loss: Sighting, rules: Rules, now: datetime) -> Breaker:
    losses = _within(found.losses, rules, now)
    known = bool(loss.runner) and any(each.runner == loss.runner for each in losses)
    if known or loss.at <= now - rules.window:
        return found
    losses = [*losses, loss][-MOST_LOSSES:]
    before = phase(found, rules, now)
    opens = before in ("half-open", "probing") or len(losses) >= rules.threshold
    changes: dict[str, object] = {"losses": tuple(losses)}
    if opens and before != "open":
        changes |= {"open_until": now + rules.open_for, "probe": None}
    return found.model_copy(update=changes)


def _recent(found: Breaker, rules: Rules, now: datetime) -> Breaker:
    """Leave old losses out, and of a closed breaker that it was ever open."""
    changes: dict[str, object] = {"losses": tuple(_within(found.losses, rules, now))}
    if phase(found, rules, now) == "closed":
        changes |= {"open_until": None, "probe": None}
    return found.model_copy(update=changes)


def _within(losses: Iterable[Sighting], rules: Rules, now: datetime) -> list[Sighting]:
    return [each for each in losses if now - rules.window < each.at]


def _last_heard_of(breaker: Breaker) -> datetime:
    """The moment that says how much a breaker matters."""
    moments = [each.at for each in breaker.losses]
    return max([*moments, breaker.open_until] if breaker.open_until else moments)
