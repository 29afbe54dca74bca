"""Why a runner is let go of, and whether even a busy one goes: pure, from its job's ledger."""

from datetime import datetime

from runs_fleet import lending
from runs_fleet.deadlines import (
    GITHUB_LAG,
    NOT_REGISTERED,
    commanded,
    deadline,
    overrun,
    settled_at,
)
from runs_fleet.demand import RESULTS
from runs_fleet.ledger import Ledger
from runs_fleet.reruns import fading, lost_with_job
from runs_fleet.runner import MAX_RUNTIME, Runner


def judge(ledger: Ledger, runner: Runner, now: datetime) -> str:
    """Say why a runner should be let go of now, or nothing."""
    if overrun(ledger, runner, now):
        return MAX_RUNTIME
    if stolen(ledger, runner):
        return "taken"
    if lending.promised(ledger, runner):
        return _wasted(ledger, runner, now)
    if ledger.done:
        over = now >= settled_at(ledger, runner) and not fading(ledger, runner, now)
        return _parting(ledger, runner) if over else ""
    if runner.running or _may_serve(ledger, runner):
        return ""
    return _needless(ledger, runner) or _failed(ledger, runner, now)


def _needless(ledger: Ledger, runner: Runner) -> str:
    """Whether the job runs elsewhere, and nobody else can use or wants this runner."""
    elsewhere = ledger.demand.phase == "in_progress"
    of_use = runner.registering and runner.name not in ledger.loans.unwanted
    return "not_needed" if elsewhere and not of_use else ""


def _failed(ledger: Ledger, runner: Runner, now: datetime) -> str:
    return runner.lost if runner.lost_early else _stuck(ledger, runner, now)


def _wasted(ledger: Ledger, runner: Runner, now: datetime) -> str:
    """Name what keeps a runner from the other job that it was left to."""
    at_work = runner.started_at is not None or runner.ended in RESULTS
    return "taken" if at_work else _failed(ledger, runner, now)


def _parting(ledger: Ledger, runner: Runner) -> str:
    if ledger.over:
        return ledger.over
    return runner.lost if lost_with_job(ledger, runner) else "job_done"


def _may_serve(ledger: Ledger, runner: Runner) -> bool:
    """Whether the job runs on this runner, or on one that GitHub did not name."""
    served = ledger.demand.runner
    unnamed = served is None or ledger.runner(served) is runner
    return ledger.demand.phase == "in_progress" and unnamed


def _stuck(ledger: Ledger, runner: Runner, now: datetime) -> str:
    """Name what keeps a runner from its job, which is queued, or runs on another one."""
    if runner.ended and runner.ended not in RESULTS:
        return runner.ended
    if (told := runner.started_at or runner.ended_at) is not None:
        return "taken" if _with_another(ledger, told) else ""
    if now >= deadline(ledger.request.policy, runner):
        return "no_pickup" if runner.ready_at else _late(runner)
    return ""


def _late(runner: Runner) -> str:
    """Name what kept a machine from being ready: without an identity it had no chance."""
    if runner.registering and not runner.answered:
        return NOT_REGISTERED
    return runner.stalled or "boot_timeout"


def _with_another(ledger: Ledger, told: datetime) -> bool:
    """Whether a runner that says it runs a job must have another one: GitHub knows, once asked."""
    answered = ledger.answered_at
    elsewhere = ledger.demand.phase == "in_progress"
    return elsewhere or (answered is not None and answered >= told + GITHUB_LAG)


def forced(ledger: Ledger, runner: Runner, now: datetime) -> bool:
    """Whether even a busy runner goes: at its maximum runtime, or by an operator's word."""
    return commanded(ledger, runner) or overrun(ledger, runner, now)


def stolen(ledger: Ledger, runner: Runner) -> bool:
    """Whether a runner has another job than the one it was made for."""
    return runner.serving is not None and runner.serving != ledger.request.job_id
