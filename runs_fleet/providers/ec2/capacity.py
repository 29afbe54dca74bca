"""What this process knows of the market: what it saw itself, and what all have seen together."""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runs_fleet.market import (
    Breaker,
    Kind,
    MarketState,
    News,
    Offer,
    Phase,
    Rules,
    Sighting,
    phase,
)
from runs_fleet.models import Machine

# A view older than this says nothing any more.
STALE = timedelta(minutes=1)
# An offer that all know to be sold out for nearly as long is no news.
NO_NEWS = timedelta(seconds=30)


@dataclass(frozen=True)
class Avoided:
    """What one order should leave out, unless nothing else would be left."""

    offers: frozenset[Offer] = frozenset()
    kinds: frozenset[Kind] = frozenset()


@dataclass(frozen=True)
class _Full:
    at: datetime
    sent: bool = False


@dataclass
class _Probe:
    """A probe that was granted to this process, and the order that may make it."""

    since: datetime
    token: str = ""
    spent: bool = False


def _now() -> datetime:
    return datetime.now(UTC)


class CapacityMemory:
    """Thread safe: orders read and write it, and a task beside them carries news out and views in.

    What was seen here counts at once; what others saw counts while the view is fresh. What this
    process has passed on is forgotten with the next view, so that an operator's reset reaches it.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        holder: str = "",
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._rules, self._holder, self._now = rules or Rules(), holder, now
        self._lock = threading.Lock()
        self._full: dict[Offer, _Full] = {}
        self._bought: list[Sighting] = []
        self._wanted: set[Kind] = set()
        self._probes: dict[Kind, _Probe] = {}
        self._shared: dict[Offer, datetime] = {}
        self._breakers: dict[Kind, Breaker] = {}
        self._seen_rules, self._seen_at = Rules(), datetime.min.replace(tzinfo=UTC)

    def note(self, offers: Iterable[Offer]) -> None:
        """Remember that these answered a capacity error just now."""
        with self._lock:
            self._full |= dict.fromkeys(offers, _Full(self._now()))

    def avoided(self, kinds: Collection[Kind], *, token: str) -> Avoided:
        """Tell what an order for these kinds should leave out; it takes the probes there are."""
        with self._lock:
            now, fresh = self._now(), self._is_fresh()
            own = {o for o, full in self._full.items() if now < full.at + self._rules.sold_out_for}
            seen = {offer for offer, until in self._shared.items() if fresh and now < until}
            phases = {kind: self._phase(kind, now) for kind in kinds if kind in self._breakers}
            closed = {kind for kind, state in phases.items() if not self._may(kind, state, token)}
            return Avoided(frozenset(own | seen), frozenset(closed))

    def settle(self, token: str, made: Machine | None) -> None:
        """Take in what an order came to: a probe that it did not make is there for the next."""
        with self._lock:
            kind = Kind(made.market, made.machine_type) if made else None
            for held, probe in self._probes.items():
                if probe.token == token:
                    probe.spent, probe.token = probe.spent or held == kind, ""
            now = self._now()
            if made and kind and self._phase(kind, now) in ("half-open", "probing"):
                self._bought.append(_seen(Offer(*kind, made.zone), now))

    def news(self) -> News:
        """Take out what others do not know yet."""
        with self._lock:
            now = self._now()
            known = {offer for offer, until in self._shared.items() if self._knows(until, now)}
            alive = {o: f for o, f in self._full.items() if now < f.at + self._rules.sold_out_for}
            told = [(o, f) for o, f in alive.items() if not f.sent and o not in known]
            self._full = {offer: _Full(full.at, sent=True) for offer, full in alive.items()}
            bought, self._bought = tuple(self._bought), []
            wanted, self._wanted = tuple(sorted(self._wanted)), set()
            return News(
                holder=self._holder,
                rules=self._rules,
                sold_out=tuple(_seen(offer, full.at) for offer, full in told),
                bought=bought,
                wanted=wanted,
            )

    def keep(self, news: News) -> None:
        """Take back what could not be passed on; an order wants its probes again by itself."""
        with self._lock:
            for seen in news.sold_out:
                if (full := self._full.get(seen.offer)) is not None and full.at == seen.at:
                    self._full[seen.offer] = _Full(seen.at)
            self._bought = [*news.bought, *self._bought]

    def adopt(self, view: MarketState) -> None:
        """Take in what all know together, as read after the last news went out."""
        with self._lock:
            self._shared = {each.offer: each.until for each in view.shortages}
            self._breakers = {each.kind: each for each in view.breakers}
            self._seen_rules, self._seen_at = view.rules, self._now()
            self._full = {offer: full for offer, full in self._full.items() if not full.sent}
            self._probes = dict(self._granted(view))

    def _granted(self, view: MarketState) -> Iterable[tuple[Kind, _Probe]]:
        for breaker in view.breakers:
            probe = breaker.probe
            if probe is None or probe.bought_at or probe.holder != self._holder:
                continue
            held = self._probes.get(breaker.kind)
            same = held is not None and held.since == probe.since
            yield breaker.kind, held if held and same else _Probe(probe.since)

    def _is_fresh(self) -> bool:
        return self._now() < self._seen_at + STALE

    def _knows(self, until: datetime, now: datetime) -> bool:
        return until > now + self._rules.sold_out_for - NO_NEWS

    def _phase(self, kind: Kind, now: datetime) -> Phase:
        breaker = self._breakers.get(kind)
        if breaker is None or not self._is_fresh():
            return "closed"
        return phase(breaker, self._seen_rules, now)

    def _may(self, kind: Kind, state: Phase, token: str) -> bool:
        """Whether an order may buy a kind; a half-open one that it would buy is asked for."""
        if state == "closed":
            return True
        probe = self._probes.get(kind)
        if state == "half-open":
            self._wanted.add(kind)
        if state != "probing" or probe is None or probe.spent or probe.token not in ("", token):
            return False
        probe.token = token
        return True


def _seen(offer: Offer, at: datetime) -> Sighting:
    return Sighting(market=offer.market, machine_type=offer.type_name, zone=offer.zone, at=at)
