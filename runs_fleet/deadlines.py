"""When a lifecycle looks up from its waiting: pure, from its ledger."""

from datetime import datetime, timedelta

from runs_fleet.ledger import Ledger, Runner
from runs_fleet.models import Policy

AT_ONCE = timedelta(0)
FAR = timedelta(days=3650)


def deadline(policy: Policy, runner: Runner) -> datetime:
    """Until when a runner must be ready, and once ready, have its job."""
    if runner.created_at is None:
        return runner.ordered_at + FAR
    if runner.ready_at is not None:
        return runner.ready_at + policy.pickup_timeout
    return runner.created_at + policy.boot_timeout


def overrun(ledger: Ledger, runner: Runner, now: datetime) -> bool:
    """Whether a runner has had its maximum runtime: the one reason to kill a busy one."""
    return now >= end_of_runtime(ledger, runner)


def end_of_runtime(ledger: Ledger, runner: Runner) -> datetime:
    """When a runner's job, or a machine that never got one, has had all the time there is."""
    since = runner.serving_since or runner.created_at or runner.ordered_at
    return since + ledger.request.policy.max_runtime


def settled_at(ledger: Ledger, runner: Runner) -> datetime:
    """When the runner of a finished job may go: at its agent's word, or after a short grace."""
    served = runner.spent and runner.serving == ledger.request.job_id
    if not served or runner.ended or runner.lost or ledger.over:
        return runner.ordered_at
    completed = ledger.news_at or runner.ordered_at
    return completed + ledger.request.policy.finish_grace


def release_at(ledger: Ledger, runner: Runner) -> datetime:
    """When to try the removal of a runner that was let go of: not while it works a job."""
    look = runner.look_at or runner.ordered_at
    if not runner.running or ledger.over == "released":
        return look
    return max(look, min(_patient_look(ledger, runner), end_of_runtime(ledger, runner)))


def _patient_look(ledger: Ledger, runner: Runner) -> datetime:
    """A working runner is told by events; looking is for events that were lost."""
    last = runner.busy_at or runner.cause_at or runner.ordered_at
    return last + ledger.request.policy.silence


def give_up_at(ledger: Ledger) -> datetime:
    """When a job has waited as long as it may; GitHub itself fails it after a day."""
    return ledger.request.queued_at + ledger.request.policy.max_wait


def ask_at(ledger: Ledger) -> datetime:
    """When to ask GitHub: soon after something that it should have told us, else at intervals."""
    policy, start = ledger.request.policy, ledger.begun_at
    doubt = doubt_since(ledger)
    if doubt is None:
        pause = policy.silence * min(1 << ledger.asks, 6)
        return max(ledger.news_at or start, ledger.asked_at or start) + pause
    if ledger.asked_at is None or ledger.asked_at < doubt:
        return doubt + (AT_ONCE if _urgent(ledger) else policy.busy_look)
    pause = min(policy.busy_look * (1 << min(ledger.asks, 10)), policy.silence)
    return ledger.asked_at + pause


def _urgent(ledger: Ledger) -> bool:
    """Whether a new runner waits for the answer."""
    return ledger.demand.phase == "queued" and ledger.active is None


def doubt_since(ledger: Ledger) -> datetime | None:
    """The first fact that GitHub's last word does not explain, by its time."""
    request = ledger.request
    if not ledger.runners:
        late = request.delivered_at - request.queued_at > timedelta(minutes=1)
        return ledger.begun_at if late and ledger.asked_at is None else None
    last = ledger.runners[-1]
    if ledger.demand.phase == "queued":
        if last.cause:
            return _again_at(ledger, last) if _unasked(ledger, last.cause_at) else None
        facts = [last.started_at, last.ended_at]
    else:
        mine = ledger.runner(ledger.demand.runner)
        facts = [mine.ended_at, mine.lost_at] if mine else []
    return min((fact for fact in facts if fact is not None), default=None)


def _unasked(ledger: Ledger, since: datetime | None) -> bool:
    return ledger.asked_at is None or (since is not None and ledger.asked_at < since)


def _again_at(ledger: Ledger, last: Runner) -> datetime:
    """When the next attempt may begin: at once after a loss, else with growing patience."""
    policy = ledger.request.policy
    ended = last.cause_at or last.ordered_at
    if last.cause == "taken":
        return ended + policy.theft_grace
    if last.lost:
        return ended
    failures = sum(1 for runner in ledger.runners if not runner.lost and runner.cause != "taken")
    pause = policy.retry_least * (1 << min(max(failures - 1, 0), 10))
    return ended + min(pause, policy.retry_most)


def order_at(ledger: Ledger) -> datetime:
    """When the next order may go out."""
    if ledger.active is not None:
        return ledger.rest_until or ledger.active.ordered_at
    if not ledger.runners:
        return ledger.begun_at
    return _again_at(ledger, ledger.runners[-1])


def wake_at(ledger: Ledger, now: datetime) -> datetime:
    """The next moment at which `next_step` could say something else."""
    moments = [ask_at(ledger)]
    if ledger.demand.phase == "queued":
        moments += [give_up_at(ledger)]
        if ledger.active is None or ledger.active.machine is None:
            moments += [order_at(ledger)]
    moments += [deadline(ledger.request.policy, r) for r in ledger.held if not r.running]
    return _earliest([*moments, *_release_moments(ledger)], now)


def next_look(ledger: Ledger, now: datetime) -> datetime:
    """When to look again at the runners that are left after the job."""
    settling = [settled_at(ledger, runner) for runner in ledger.held if not runner.cause]
    return _earliest([*settling, *_release_moments(ledger)], now)


def _release_moments(ledger: Ledger) -> list[datetime]:
    let_go = [release_at(ledger, runner) for runner in ledger.held if runner.cause]
    return let_go + [end_of_runtime(ledger, runner) for runner in ledger.held]


def _earliest(moments: list[datetime], now: datetime) -> datetime:
    """The first moment still to come; a second from now when all have passed."""
    return min((at for at in moments if at > now), default=now + timedelta(seconds=1))
