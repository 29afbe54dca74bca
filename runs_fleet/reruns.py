"""Whether a job that failed is run once more, because its machine was taken: pure."""

from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.deadlines import NOT_REGISTERED, next_look, settled_at
from runs_fleet.ledger import Ledger
from runs_fleet.runner import INTERRUPTED, Runner

# How GitHub concludes a job whose machine was lost.
FAILED = ("failure", "cancelled")
GITHUB_TICK = timedelta(seconds=1)
TAKEN, KEPT, UNKNOWN = "taken", "kept", "unknown"


def owes_rerun(ledger: Ledger) -> bool:
    """Whether GitHub failed the job because its machine was lost: run it once more, on-demand."""
    served = ledger.runner(ledger.demand.runner)
    known = served is not None and lost_with_job(ledger, served)
    traced = ledger.trace == TAKEN and not _was_over(ledger)
    return _may_run_again(ledger) and (known or traced or _heard_of_loss(ledger))


def untraced(ledger: Ledger) -> str | None:
    """Name the runner of a failed job of which only the cloud can say whether its machine was lost.

    It was made for another job, or listened for any, or neither its agent nor an event has told
    of its end.
    """
    demand = ledger.demand
    if demand.conclusion not in FAILED or not _may_run_again(ledger):
        return None
    if ledger.trace or _heard_of_loss(ledger) or _was_over(ledger):
        return None
    served = ledger.runner(demand.runner)
    told = served is not None and _told_of_its_end(ledger, served)
    return None if told or not _is_ours(ledger, demand.runner) else demand.runner


def _is_ours(ledger: Ledger, runner: str | None) -> bool:
    """Whether it is some job's runner, or a member of a pool that listened."""
    listened = ledger.request.one_call and names.pool_of(runner) is not None
    return listened or names.owner(runner) is not None


def trace_at(ledger: Ledger) -> datetime:
    """When to ask the cloud, or to ask it again."""
    return ledger.trace_at or ledger.begun_at


def look_at(ledger: Ledger, now: datetime) -> datetime:
    """When a lifecycle whose job is over looks up again."""
    look, again = next_look(ledger, now), trace_at(ledger)
    if again <= now or untraced(ledger) is None:
        return look
    return again if all(fading(ledger, each, now) for each in ledger.held) else min(look, again)


def _heard_of_loss(ledger: Ledger) -> bool:
    """Whether the lifecycle whose runner had the job said that its machine was taken meanwhile."""
    demand, told = ledger.demand, ledger.mourned
    if told is None or demand.conclusion not in FAILED or demand.completed_at is None:
        return False
    # GitHub's times are whole seconds, and so are a cluster's.
    tick = GITHUB_TICK if demand.conclusion == "cancelled" else timedelta(0)
    return told.runner == (demand.runner or "").lower() and told.at < demand.completed_at + tick


def _was_over(ledger: Ledger) -> bool:
    """Whether it said that the machine of a cancelled job only began to be taken afterwards.

    Of a job that failed that is no proof: what takes a lost node's pods notices it late.
    """
    demand, told = ledger.demand, ledger.warned
    if told is None or demand.conclusion != "cancelled" or demand.completed_at is None:
        return False
    after = told.at >= demand.completed_at + GITHUB_TICK
    return told.runner == (demand.runner or "").lower() and after


def perishing(ledger: Ledger, now: datetime) -> str | None:
    """Name the runner to trace before anything is removed.

    Another job's lifecycle removes its own before long. Of one of ours nothing is left in a
    cluster but events, once its Job is deleted.
    """
    if not ledger.done or (name := untraced(ledger)) is None:
        return None
    runner = ledger.runner(name)
    return name if runner is None or _vanishes(ledger, runner, now) else None


def fading(ledger: Ledger, runner: Runner, now: datetime) -> bool:
    """Whether a runner is kept to be looked at again: the cluster may not have noticed its loss."""
    again = untraced(ledger) == runner.name and trace_at(ledger) > now
    return again and _vanishes(ledger, runner, now)


def _vanishes(ledger: Ledger, runner: Runner, now: datetime) -> bool:
    request = ledger.request
    deleted = request.mode == "k8s" and request.one_call and not runner.cause
    return deleted and now >= settled_at(ledger, runner)


def _told_of_its_end(ledger: Ledger, runner: Runner) -> bool:
    """Whether it is known that the machine ended before GitHub's conclusion, or after it."""
    if runner.ended not in ("", NOT_REGISTERED) and not runner.cut_short:
        return True
    completed_at = ledger.demand.completed_at
    if runner.lost_at is None or completed_at is None:
        return False
    if runner.vague and runner.lost_at > completed_at:
        return False
    # Who was told to go may have said so before the end, and be heard of after it.
    told_late = runner.lost == INTERRUPTED and runner.lost_at > completed_at
    return runner.lost_at != completed_at and not told_late


def _may_run_again(ledger: Ledger) -> bool:
    """Only a first attempt is run again, so a machine lost twice never makes a loop."""
    request = ledger.request
    wanted = request.spec is not None and request.spec.rerun and request.run_attempt == 1
    return wanted and not ledger.rerun and not ledger.over


def lost_with_job(ledger: Ledger, runner: Runner) -> bool:
    """Whether GitHub concluded the job because its machine was taken: after that, and badly.

    A machine that ends after GitHub's conclusion has only gone the way of all machines. Where the
    agent is told to stop, its job may be cancelled sooner than its report is here.
    """
    demand = ledger.demand
    if not runner.reclaimed or runner.lost_at is None or demand.completed_at is None:
        return False
    sooner = runner.lost_at < demand.completed_at or _cut_off(runner) or _at_once(ledger, runner)
    return demand.conclusion in FAILED and sooner


def _at_once(ledger: Ledger, runner: Runner) -> bool:
    """Whether a job was cancelled in the second in which its machine was told to stop.

    GitHub's times are whole seconds, so what comes after the begun one may have come before.
    """
    demand = ledger.demand
    if runner.lost_at is None or demand.completed_at is None or runner.vague:
        return False
    begun = demand.conclusion == "cancelled" and ledger.request.one_call
    return begun and runner.lost_at < demand.completed_at + GITHUB_TICK


def _cut_off(runner: Runner) -> bool:
    """Whether the agent, told to stop, had the listener cancel the job."""
    return runner.cut_short and runner.ended in ("Canceled", INTERRUPTED)
