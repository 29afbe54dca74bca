"""How long it took to get over each kill: pure, from the evidence."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import BaseModel

from simulator.accounts import percentile
from simulator.chaos.evidence import Deed, Evidence
from simulator.chaos.kinds import KILLS

ACKNOWLEDGED = range(200, 300)
ORDER = list(dict.fromkeys(kind.name for kinds in KILLS.values() for kind in kinds))


class Recovery(BaseModel):
    """Seconds from a restart after a kill.

    first      to the first thing that the product then did in the world: a webhook acknowledged
               for an API, an order, a registration or a removal for the others
    caught_up  to the start of the last job that was waiting at the restart
    """

    kind: str
    first: float | None = None
    caught_up: float | None = None


class Times(BaseModel):
    """Seconds over all kills of a kind; a kill that nothing waited for counts in `kills` only."""

    kills: int
    first_p50: float
    first_max: float
    caught_up_p50: float
    caught_up_max: float


def recoveries(evidence: Evidence) -> list[Recovery]:
    """Measure every kill of one world."""
    kinds = {kind.name for kind in KILLS[evidence.mode]}
    return [_recovery(evidence, deed) for deed in evidence.done if deed.kind in kinds]


def summed(found: Iterable[Recovery]) -> dict[str, Times]:
    """Sum recoveries up by kind."""
    every = list(found)
    by_kind = {kind: [one for one in every if one.kind == kind] for kind in ORDER}
    return {kind: _times(those) for kind, those in by_kind.items() if those}


def _times(those: Sequence[Recovery]) -> Times:
    first = sorted(one.first for one in those if one.first is not None)
    caught_up = sorted(one.caught_up for one in those if one.caught_up is not None)
    return Times(
        kills=len(those),
        first_p50=percentile(first, 0.5),
        first_max=percentile(first, 1),
        caught_up_p50=percentile(caught_up, 0.5),
        caught_up_max=percentile(caught_up, 1),
    )


def _recovery(evidence: Evidence, deed: Deed) -> Recovery:
    restart = deed.mended_at
    if restart is None or not (starts := list(_waiting(evidence, restart))):
        return Recovery(kind=deed.kind)
    signs = _acknowledged(evidence) if deed.kind == "api_killed" else _worked(evidence)
    first = min((at for at in signs if at > restart), default=None)
    return Recovery(
        kind=deed.kind,
        first=round((first - restart).total_seconds(), 1) if first else None,
        caught_up=round((max(starts) - restart).total_seconds(), 1),
    )


def _waiting(evidence: Evidence, moment: datetime) -> Iterable[datetime]:
    """When the jobs that waited at a moment were started."""
    for job in evidence.ours:
        if job.queued_at and job.started_at and job.queued_at < moment < job.started_at:
            yield job.started_at


def _acknowledged(evidence: Evidence) -> Iterable[datetime]:
    for one in evidence.books.deliveries:
        if one.answered_at and one.status_code in ACKNOWLEDGED:
            yield one.answered_at


def _worked(evidence: Evidence) -> Iterable[datetime]:
    for order in evidence.orders:
        yield datetime.fromtimestamp(order.at, UTC)
    for runner in evidence.books.runners:
        yield runner.created_at
        if runner.removed_how == "api" and runner.removed_at:
            yield runner.removed_at
