"""How a lifecycle deals with its pool: pure, from its ledger.

Before a new attempt is ordered the pool is asked for a warm member. It answers at once; no answer
within the job's patience means the cold way. Who starts the lifecycle sends its first claim, which
spares a signal between workflows and a task; if it does not come, the lifecycle claims by itself.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.deadlines import NOT_TAKEN
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobRequest
from runs_fleet.pools.dealings import lot
from runs_fleet.pools.wire import PoolAnswer, PoolClaim, PoolLeave
from runs_fleet.runner import Runner

# Who started the lifecycle has sent its claim by then, or will not.
AWAITED = timedelta(seconds=5)


@dataclass(frozen=True)
class Claim:
    """Ask the pool for a warm member."""

    claim: PoolClaim


@dataclass(frozen=True)
class Take:
    """Open an attempt with the member that the pool has assigned."""

    answer: PoolAnswer


@dataclass(frozen=True)
class Hold:
    """Order nothing yet: the pool may answer, or GitHub give the job to a listening member."""


@dataclass(frozen=True)
class Leave:
    """Tell the pool what this lifecycle has no use for any more."""

    leave: PoolLeave


Dealing = Claim | Take | Leave


def sent_for(request: JobRequest) -> bool:
    """Whether who starts this lifecycle is to claim for it: unless GitHub has to be asked first."""
    return _has_pool(request) and not request.late


def initial(request: JobRequest, now: datetime) -> PoolClaim:
    """Write the first claim of a lifecycle."""
    return _written(request, 1, now)


def first(ledger: Ledger, now: datetime) -> Claim | Take | Hold | None:
    """Choose what comes before the order of a new attempt; None means the cold way."""
    if not _warm(ledger):
        return None
    dealings, attempt = ledger.dealings, len(ledger.runners) + 1
    if dealings.asked != attempt:
        return Claim(_claim(ledger, now, waited=False))
    answer = dealings.answer
    if dealings.settled or not dealings.known:
        return None
    if answer is None:
        return _unanswered(ledger, now)
    if answer.kind == "patient":
        held = answer.until is not None and now < answer.until
        return Hold() if held else Claim(_claim(ledger, now, waited=True))
    return Take(answer) if answer.kind == "assigned" and answer.machine is not None else None


def _unanswered(ledger: Ledger, now: datetime) -> Hold | Claim | None:
    if now < (hold_until(ledger) or now):
        return Hold()
    return Claim(_claim(ledger, now, waited=False)) if ledger.dealings.awaited else None


def hold_until(ledger: Ledger) -> datetime | None:
    """When a job that holds back for its pool looks up again; None when it does not hold back."""
    dealings, patience = ledger.dealings, ledger.request.policy.pool_patience
    if patience is None or dealings.asked_at is None or dealings.settled:
        return None
    if dealings.answer is None:
        return dealings.asked_at + (min(AWAITED, patience) if dealings.awaited else patience)
    return dealings.answer.until


def wake_at(ledger: Ledger, now: datetime, otherwise: datetime) -> datetime:
    """When a claim asks for something to be done, if that is before anything else."""
    until = hold_until(ledger)
    return min(otherwise, until) if until is not None and until > now else otherwise


def errand(ledger: Ledger) -> Leave | None:
    """Choose the next thing to tell the pool, if there is any."""
    dealings = ledger.dealings
    if not dealings.ever_known:
        return None
    if dealings.strays:
        return Leave(_unused(ledger, dealings.strays[0]))
    needless = ledger.done or ledger.demand.phase != "queued"
    answer = dealings.answer
    if needless and answer is not None and answer.kind == "assigned":
        return Leave(_unused(ledger, answer))
    final = ledger.done and not ledger.held
    for runner in ledger.runners:
        if runner.member and runner.gone_at and runner.attempt not in dealings.told:
            return Leave(_gone(ledger, runner, final=final and runner is ledger.runners[-1]))
    if final and not dealings.parted:
        attempt = len(ledger.runners)
        return Leave(PoolLeave(job_id=ledger.request.job_id, attempt=attempt, final=True))
    return None


def sent(ledger: Ledger, leave: PoolLeave) -> None:
    """Take in that the pool was told; one that is there no more need not know."""
    dealings = ledger.dealings
    if leave.unused:
        dealings.strays = [each for each in dealings.strays if lot(each) != leave.member]
        if dealings.answer is not None and lot(dealings.answer) == leave.member:
            dealings.settle()
    elif leave.member:
        dealings.told.add(leave.attempt)
    dealings.parted = dealings.parted or leave.final


def opened(ledger: Ledger, answer: PoolAnswer, now: datetime) -> Runner:
    """Open an attempt whose machine is there already."""
    ledger.dealings.settle()
    runner = ledger.next_runner(now)
    runner.machine, runner.created_at = answer.machine, now
    runner.member, runner.tier, runner.wake = lot(answer), answer.tier or "", answer.wake
    return runner


def cold(ledger: Ledger, runner: Runner) -> None:
    """Take a leased cache along on the cold way."""
    if (answer := ledger.dealings.settle()) is not None:
        runner.member = runner.cache = lot(answer)


def _warm(ledger: Ledger) -> bool:
    if not _has_pool(ledger.request):
        return False
    # After a member that could not be had the next attempt goes the cold way.
    return not ledger.runners or ledger.runners[-1].cause != NOT_TAKEN


def _has_pool(request: JobRequest) -> bool:
    patience, spec = request.policy.pool_patience, request.spec
    return patience is not None and spec is not None and bool(spec.pool)


def _claim(ledger: Ledger, now: datetime, *, waited: bool) -> PoolClaim:
    return _written(ledger.request, len(ledger.runners) + 1, now, waited=waited)


def _written(
    request: JobRequest, attempt: int, now: datetime, *, waited: bool = False
) -> PoolClaim:
    assert request.spec is not None, "a refused job claims nothing"
    return PoolClaim(
        job_id=request.job_id,
        attempt=attempt,
        runner=names.runner(request.job_id, attempt),
        repo=request.scope.repo,
        label=request.label,
        spec=request.spec,
        asked_at=now,
        waited=waited,
    )


def _unused(ledger: Ledger, answer: PoolAnswer) -> PoolLeave:
    job_id = ledger.request.job_id
    return PoolLeave(job_id=job_id, attempt=answer.attempt, member=lot(answer), unused=True)


def _gone(ledger: Ledger, runner: Runner, *, final: bool) -> PoolLeave:
    return PoolLeave(
        job_id=ledger.request.job_id,
        attempt=runner.attempt,
        member=runner.member,
        gone=True,
        final=final,
        running=not runner.ended,
    )
