"""Settles accounts after a burst, from the world's own books and not from the product's."""

import math
from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel

from simulator.clouds import CloudBooks
from simulator.github.books import Books, JobRecord
from simulator.world import World


class Orphans(BaseModel):
    """What is left of runners that nobody needs."""

    registrations: int = 0
    machines: int = 0
    parameters: int = 0
    jobs: int = 0
    pods: int = 0
    config_maps: int = 0
    secrets: int = 0
    volume_claims: int = 0
    network_policies: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.model_dump().values())


class Accounts(BaseModel):
    """How a burst went; durations are milliseconds from a job's queueing to its start.

    A job whose machine was lost counts as completed when its re-run is. `duplicates` are jobs
    that ran twice and machines beyond one for each attempt.
    """

    jobs: int
    completed: int = 0
    refused: int = 0
    cancelled: int = 0
    lost: int = 0
    duplicates: int = 0
    orphans: int = 0
    orphaned: Orphans = Orphans()
    machines: int = 0
    reruns: int = 0
    queued_to_started_p50_ms: float = 0
    queued_to_started_p99_ms: float = 0
    violations: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or forgotten."""
        return not (self.lost or self.duplicates or self.orphans)


def settle(world: World, sent: Sequence[int], *, refused: set[int]) -> Accounts:
    """Read the books and count; `refused` are the jobs whose lifecycle ended in that state."""
    books, clouds = world.github.books(), [each.accounts() for each in world.clouds]
    records = {job.id: job for job in books.jobs}
    ends = Counter(_end(records[job_id], books, refused) for job_id in sent)
    waits = sorted(waited(job) for job in books.jobs if job.started_at and job.queued_at)
    left = _left(books, clouds)
    return Accounts(
        jobs=len(sent),
        **ends,
        duplicates=len(books.run_twice) + _extra(clouds),
        orphans=left.total,
        orphaned=left,
        machines=sum(cloud.made.total() for cloud in clouds),
        reruns=sum(1 for job in books.jobs if job.run_attempt > 1 and not job.carried_over),
        queued_to_started_p50_ms=percentile(waits, 0.50),
        queued_to_started_p99_ms=percentile(waits, 0.99),
        violations=len(books.violations),
    )


def waited(job: JobRecord) -> float:
    """Milliseconds from queueing to start."""
    assert job.started_at is not None
    assert job.queued_at is not None
    return (job.started_at - job.queued_at).total_seconds() * 1000


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of sorted values, rounded to a tenth; 0 of nothing."""
    if not ordered:
        return 0
    rank = max(1, math.ceil(round(share * len(ordered), 6)))
    return round(ordered[rank - 1], 1)


def orphans(world: World, books: Books) -> Orphans:
    """Count what still exists."""
    return _left(books, [each.accounts() for each in world.clouds])


def _left(books: Books, clouds: Sequence[CloudBooks]) -> Orphans:
    left = Counter[str]()
    for cloud in clouds:
        left.update(cloud.left)
    return Orphans(registrations=len(books.registered), **left)


def _end(job: JobRecord, books: Books, refused: set[int]) -> str:
    if job.id in refused:
        return "refused"
    if job.status != "completed":
        return "lost"
    if job.conclusion == "cancelled":
        return "cancelled"
    return "completed" if job.conclusion == "success" or _run_again(job, books) else "lost"


def _run_again(job: JobRecord, books: Books) -> bool:
    again = (j for j in books.jobs if j.run_id == job.run_id and j.run_attempt > job.run_attempt)
    return any(other.name == job.name and other.conclusion == "success" for other in again)


def _extra(clouds: Sequence[CloudBooks]) -> int:
    """Machines beyond one for each attempt, whose name they bear."""
    return sum(count - 1 for cloud in clouds for count in cloud.made.values())
