"""What a lifecycle does next: pure, from its ledger and the time.

A runner is let go of in two moves: `judge` names the cause, then `Release` removes it by the
guarded order (GitHub's registration first, the machine second). One that GitHub calls busy is kept.
"""

from dataclasses import dataclass
from datetime import datetime

from runs_fleet import claiming, lending, tidings
from runs_fleet.claiming import Dealing, Hold
from runs_fleet.deadlines import (
    ask_at,
    give_up_at,
    order_at,
    overdue_at,
    overrun,
    release_at,
    unreachable,
    wake_at,
)
from runs_fleet.judging import forced, judge, stolen
from runs_fleet.ledger import Ledger
from runs_fleet.lending import Send
from runs_fleet.models import Rung
from runs_fleet.outdated import OUTDATED_REASON, outdated
from runs_fleet.placement import ladder
from runs_fleet.reruns import look_at, owes_rerun, perishing, trace_at, untraced
from runs_fleet.runner import Runner
from runs_fleet.tidings import Inform

SPOT_LOSSES = 2
# Somebody waits at GitHub for a runner that will not come.
UNSERVED = frozenset({"refused", "gave_up"})


@dataclass(frozen=True)
class Create:
    """Order the active runner's machine, by this rung; open an attempt first if `fresh`."""

    rung: Rung
    fresh: bool


@dataclass(frozen=True)
class Ask:
    """Ask GitHub what became of the job."""


@dataclass(frozen=True)
class Drop:
    """Let go of a runner, for this cause; its removal follows."""

    runner: Runner
    cause: str


@dataclass(frozen=True)
class Release:
    """Try to remove a runner that was let go of."""

    runner: Runner
    force: bool = False


@dataclass(frozen=True)
class Trace:
    """Ask the cloud whether it took the machine of the runner that had the job."""

    runner: str


@dataclass(frozen=True)
class Rerun:
    """Ask GitHub to run the job once more."""


@dataclass(frozen=True)
class Tell:
    """Tell people at GitHub why no runner comes."""


@dataclass(frozen=True)
class End:
    """The demand is over without GitHub's word."""

    state: str
    reason: str


@dataclass(frozen=True)
class Wait:
    """Nothing to do before this moment, or before somebody says something."""

    until: datetime


@dataclass(frozen=True)
class Done:
    """The job needs nothing more, and every runner is gone."""


Step = (
    Create
    | Ask
    | Send
    | Inform
    | Dealing
    | Drop
    | Release
    | Trace
    | Rerun
    | Tell
    | End
    | Wait
    | Done
)


def next_step(ledger: Ledger, now: datetime) -> Step:
    """Choose the one thing to do now; of several, what frees a machine comes first.

    Only what is about to be no more is looked at before.
    """
    if (name := perishing(ledger, now)) is not None and now >= trace_at(ledger):
        return Trace(name)
    for runner in ledger.held:
        if not runner.cause and (cause := judge(ledger, runner, now)):
            return Drop(runner, cause)
        if runner.cause and release_at(ledger, runner) <= now:
            return Release(runner, force=forced(ledger, runner, now))
    errand = lending.errand(ledger, now) or claiming.errand(ledger) or tidings.errand(ledger)
    if errand is not None:
        return errand
    return _after_the_job(ledger, now) if ledger.done else _for_the_job(ledger, now)


def _after_the_job(ledger: Ledger, now: datetime) -> Step:
    if owes_notice(ledger):
        return Tell()
    waits = Wait(lending.wake_at(ledger, now, look_at(ledger, now)))
    if not all(_for_others(ledger, runner) for runner in ledger.held):
        return waits
    if (runner := untraced(ledger)) is not None:
        return Trace(runner) if now >= trace_at(ledger) else waits
    if owes_rerun(ledger):
        return Rerun()
    return waits if ledger.held else Done()


def _for_others(ledger: Ledger, runner: Runner) -> bool:
    """Whether a runner has another job, or is kept for one: that may take hours."""
    return stolen(ledger, runner) or lending.promised(ledger, runner)


def _for_the_job(ledger: Ledger, now: datetime) -> Step:
    if (end := _end(ledger, now)) is not None:
        return end
    if ask_at(ledger) <= now:
        return Ask()
    if (order := _order(ledger, now)) is not None:
        return order
    otherwise = lending.wake_at(ledger, now, wake_at(ledger, now))
    return Wait(claiming.wake_at(ledger, now, otherwise))


def _order(ledger: Ledger, now: datetime) -> Step | None:
    """Choose how to come to a machine: by the pool's first, for a new attempt."""
    order = _create(ledger, now)
    if order is None or not order.fresh:
        return order
    first = claiming.first(ledger, now)
    return None if isinstance(first, Hold) else first or order


def _end(ledger: Ledger, now: datetime) -> End | None:
    """Say whether the demand is over though GitHub has not said so."""
    policy = ledger.request.policy
    if ledger.demand.phase == "queued" and now >= give_up_at(ledger):
        return End("gave_up", f"no runner within {policy.max_wait} of queueing")
    if ledger.demand.phase == "queued" and outdated(ledger):
        return End("gave_up", OUTDATED_REASON)
    served = ledger.runner(ledger.demand.runner)
    if served is not None and overrun(ledger, served, now) and not (served.ended or served.lost):
        return End("timed_out", f"ran longer than {policy.max_runtime}")
    if ledger.demand.phase == "in_progress" and now >= overdue_at(ledger):
        return End("timed_out", f"GitHub has not concluded it long after {policy.max_runtime}")
    return None


def owes_notice(ledger: Ledger) -> bool:
    """Whether people wait in vain and have not been told; some payloads name no commit."""
    request = ledger.request
    wanted = request.policy.tell and request.head_sha != ""
    return wanted and ledger.over in UNSERVED and not ledger.told


def _create(ledger: Ledger, now: datetime) -> Create | None:
    """Choose the next order, unless one is out, or it is not time."""
    if ledger.demand.phase != "queued":
        return None
    active = ledger.active
    if active is not None and (active.machine is not None or active.registering):
        return None
    if now < order_at(ledger) or unreachable(ledger) or lending.hopes(ledger, now):
        return None
    rungs = rungs_of(ledger)
    return Create(rungs[ledger.rung % len(rungs)], fresh=active is None)


def rungs_of(ledger: Ledger) -> tuple[Rung, ...]:
    """The ladder of this job; a re-run, or a job that lost two machines, buys on-demand only."""
    request = ledger.request
    losses = sum(1 for runner in ledger.runners if runner.reclaimed)
    spec = request.spec
    assert spec is not None, "a refused job orders nothing"
    return ladder(spec, spot=request.run_attempt == 1 and losses < SPOT_LOSSES)
