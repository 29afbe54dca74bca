"""Rows of seeds, and the tables that they make."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from runs_fleet.models import Mode
from simulator.chaos.evidence import Evidence
from simulator.chaos.invariants import Broken
from simulator.chaos.recovery import Recovery, Times, recoveries, summed
from simulator.chaos.schedule import kinds_of

# Of worlds with pools, the last as well.
POOL = "pool"
COUNTS = ("lost", "duplicated", "orphaned", "busy_killed", "unexplained", "contract")
KILLED = {
    "worker_killed": "a worker",
    "api_killed": "an API",
    "temporal_killed": "Temporal",
    "apiserver_killed": "the API server",
    "valkey_killed": "Valkey",
}
WEBHOOKS = ("webhooks_lost", "webhooks_doubled")


class Row(BaseModel):
    """One seed. `jobs` are with thieves and re-runs; `seconds` from the first job to rest."""

    seed: int
    mode: Mode = "ec2"
    jobs: int
    machines: int
    reruns: int
    redelivered: int
    faults: dict[str, int]
    lost: int = 0
    duplicated: int = 0
    orphaned: int = 0
    busy_killed: int = 0
    unexplained: int = 0
    contract: int = 0
    pool: int = 0
    pools: bool = False
    seconds: float
    recoveries: list[Recovery]
    broken: list[str] = []

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken


class Summary(BaseModel):
    """All seeds."""

    rows: list[Row]
    recovery: dict[str, Times]

    @property
    def clean(self) -> bool:
        """Whether every promise was kept in every seed."""
        return all(row.clean for row in self.rows)


def row(evidence: Evidence, found: Sequence[Broken]) -> Row:
    """Sum one seed up."""
    breaches = Counter[str](one.breach for one in found)
    over = evidence.rested_at or max(deed.at for deed in evidence.deeds)
    return Row(
        seed=evidence.seed,
        mode=evidence.mode,
        pools=bool(evidence.maxes),
        jobs=len(evidence.ours),
        machines=len(evidence.machines),
        reruns=sum(job.run_attempt > 1 for job in evidence.ours),
        redelivered=sum(one.redelivery for one in evidence.books.deliveries),
        faults=_faults(evidence),
        **breaches,
        seconds=round((over - evidence.began_at).total_seconds(), 1),
        recoveries=recoveries(evidence),
        broken=[f"{one.breach}: {one.words}" for one in found],
    )


def summary(rows: Iterable[Row]) -> Summary:
    """Sum all seeds up."""
    rows = list(rows)
    return Summary(rows=rows, recovery=summed(one for row in rows for one in row.recoveries))


def _faults(evidence: Evidence) -> dict[str, int]:
    """Count faults by kind; of webhooks what befell them, not how often the odds were raised."""
    counts = Counter(deed.kind for deed in evidence.done)
    del counts["webhooks"]
    sent = [one for one in evidence.books.deliveries if not one.redelivery]
    counts["webhooks_lost"] = sum(one.status_code not in range(200, 300) for one in sent)
    counts["webhooks_doubled"] = len(sent) - len({(one.guid, one.hook) for one in sent})
    return dict(counts)


def markdown(found: Summary) -> str:
    """Write both tables."""
    return "\n".join([*_seeds(found), "", *_recovery(found), ""])


def _seeds(found: Summary) -> Iterable[str]:
    counts = _counts(found.rows)
    head = ["seed", "jobs", "machines", "re-runs", "faults", *counts, "seconds"]
    yield _cells(word.replace("_", " ") for word in head)
    yield _cells("---" if word == "seed" else "---:" for word in head)
    for one in found.rows:
        yield _line(str(one.seed), [one])
    yield _line("**all**", found.rows)
    yield ""
    columns = list(_columns(found))
    yield _cells(["seed", *(word.replace("_", " ") for word in columns)])
    yield _cells(["---", *("---:" for _ in columns)])
    for one in found.rows:
        yield _cells([str(one.seed), *(str(one.faults.get(kind, 0)) for kind in columns)])


def _columns(found: Summary) -> Iterable[str]:
    """Name the faults of this mode; webhooks are counted by what befell them."""
    first = found.rows[0]
    for kind in kinds_of(first.mode, pools=first.pools):
        yield from WEBHOOKS if kind.name == "webhooks" else (kind.name,)


def _counts(rows: Sequence[Row]) -> tuple[str, ...]:
    return (*COUNTS, POOL) if any(row.pools for row in rows) else COUNTS


def _line(name: str, rows: Sequence[Row]) -> str:
    counts = (sum(getattr(row, what) for row in rows) for what in ("jobs", "machines", "reruns"))
    breaches = (sum(getattr(row, what) for row in rows) for what in _counts(rows))
    faults = sum(sum(row.faults.values()) for row in rows)
    seconds = f"{sum(row.seconds for row in rows):.0f}"
    return _cells([name, *map(str, counts), str(faults), *map(str, breaches), seconds])


def _recovery(found: Summary) -> Iterable[str]:
    measured = ("first, p50", "first, max", "caught up, p50", "caught up, max")
    yield _cells(["after a kill -9 of", "kills", *measured])
    yield _cells(["---", *("---:" for _ in ("kills", *measured))])
    for kind, times in found.recovery.items():
        seconds = (times.first_p50, times.first_max, times.caught_up_p50, times.caught_up_max)
        yield _cells([KILLED[kind], str(times.kills), *(f"{one:.1f} s" for one in seconds)])


def _cells(words: Iterable[str]) -> str:
    return f"| {' | '.join(words)} |"
