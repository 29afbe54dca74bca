"""When a lifecycle looks up from its waiting: pure, from its ledger."""

from datetime import datetime, timedelta

from runs_fleet.ledger import Ledger
from runs_fleet.models import Policy
from runs_fleet.runner import INTERRUPTED, Runner

AT_ONCE = timedelta(0)
FAR = timedelta(days=3650)
# REST may answer with what was true some seconds ago: seen up to about 20 s after an approval.
GITHUB_LAG = timedelta(seconds=20)
# A lost machine is replaced at once only so often; then its losses count as failures.
FREE_LOSSES = 2
# From a machine's end to GitHub's conclusion: its lease on a job runs for ten minutes.
CONCLUSION_GRACE = timedelta(hours=1)
NOT_REGISTERED = "not_registered"
# A member of a pool that could not be had after all.
NOT_TAKEN = "not_taken"


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
    since = runner.serving_since or runner.created_at
    if since is None:
        return runner.ordered_at + FAR
    return since + ledger.request.policy.max_runtime


def settled_at(ledger: Ledger, runner: Runner) -> datetime:
    """When the runner of a finished job may go: once its end is known, or after a short grace.

    What is left of a machine that was lost may be all that another job can learn of its failure.
    """
    if runner.spent_at is None or ledger.over or _end_known(ledger, runner):
        return runner.ordered_at
    return runner.spent_at + ledger.request.policy.finish_grace


def _end_known(ledger: Ledger, runner: Runner) -> bool:
    """Whether nothing more is to be heard of a runner's end, nor to be seen by its job."""
    if runner.serving not in (None, ledger.request.job_id):
        return bool(runner.ended) and not runner.cut_short
    return bool(runner.ended) or runner.lost not in ("", INTERRUPTED)


def release_at(ledger: Ledger, runner: Runner) -> datetime:
    """When to try the removal of a runner that was let go of: not while it works a job."""
    look = runner.look_at or settled_at(ledger, runner)
    if not runner.running or commanded(ledger, runner):
        return look
    return max(look, min(_patient_look(ledger, runner), end_of_runtime(ledger, runner)))


def commanded(ledger: Ledger, runner: Runner) -> bool:
    """Whether an operator's word takes a runner that works: only one known to work this job.

    What an idle one, or one whose work is unknown, has to fear of its removal is nothing.
    """
    return ledger.over == "released" and runner.serving == ledger.request.job_id


def _patient_look(ledger: Ledger, runner: Runner) -> datetime:
    """A working runner is told by events; looking is for events that were lost."""
    last = runner.busy_at or runner.cause_at or runner.ordered_at
    return last + ledger.request.policy.silence


def give_up_at(ledger: Ledger) -> datetime:
    """When a job has waited as long as it may; GitHub itself fails it after a day.

    From the delivery on: what came late is asked about first, and GitHub knows whether it is over.
    """
    return ledger.begun_at + ledger.request.policy.max_wait


def overdue_at(ledger: Ledger) -> datetime:
    """When to stop waiting for the end of a job that runs on another lifecycle's runner."""
    since = ledger.news_at or ledger.begun_at
    return since + ledger.request.policy.max_runtime + CONCLUSION_GRACE


def ask_at(ledger: Ledger) -> datetime:
    """When to ask GitHub: soon after something that it should have told us, else at intervals."""
    policy, doubt = ledger.request.policy, doubt_since(ledger)
    if doubt is None:
        quiet_since = ledger.news_at or ledger.begun_at
        answered = ledger.asked_at is None or _answered(ledger, ledger.asked_at)
        most = policy.silence * (6 if answered else 1)
        return _again(ledger.asked_at, quiet_since, policy.silence, most=most)
    patience = AT_ONCE if _urgent(ledger) else policy.busy_look
    if ledger.asked_at is None or ledger.asked_at < doubt:
        return doubt + patience
    return _again(ledger.asked_at, doubt, policy.busy_look, most=policy.silence)


def _again(
    last: datetime | None, since: datetime, least: timedelta, *, most: timedelta
) -> datetime:
    """Ask after `least`, then each time when the time that has passed has doubled."""
    if last is None or last < since:
        return since + least
    return last + min(max(last - since, least), most)


def _urgent(ledger: Ledger) -> bool:
    """Whether a new runner waits for the answer."""
    return ledger.demand.phase == "queued" and ledger.active is None


def doubt_since(ledger: Ledger) -> datetime | None:
    """The first fact that GitHub's last word does not explain, by its time."""
    request = ledger.request
    if not ledger.runners:
        return ledger.begun_at if request.late and ledger.asked_at is None else None
    last = ledger.runners[-1]
    if ledger.demand.phase == "queued":
        if last.cause:
            return None if _answered(ledger, last.cause_at) else again_at(ledger, last)
        facts = [last.started_at, last.ended_at]
    else:
        mine = ledger.runner(ledger.demand.runner)
        facts = [mine.ended_at, mine.lost_at] if mine else []
    return min((fact for fact in facts if fact is not None), default=None)


def _answered(ledger: Ledger, since: datetime | None) -> bool:
    """Whether GitHub has said what became of the job, after this moment."""
    return ledger.answered_at is not None and (since is None or ledger.answered_at >= since)


def unreachable(ledger: Ledger) -> bool:
    """Whether the last runner could not be registered, and GitHub has said nothing since.

    Another machine would find GitHub no easier to reach.
    """
    last = ledger.runners[-1] if ledger.runners else None
    failed = last is not None and last.cause == NOT_REGISTERED
    return failed and last is not None and not _answered(ledger, last.cause_at)


def again_at(ledger: Ledger, last: Runner) -> datetime:
    """When the next attempt may begin: at once after a loss, else with growing patience."""
    policy = ledger.request.policy
    ended = last.cause_at or last.ordered_at
    if last.cause == "taken":
        return ended + policy.theft_grace
    if last.cause == NOT_TAKEN:
        return ended
    failed = [runner for runner in ledger.runners if runner.cause != "taken"]
    losses = sum(1 for runner in failed if runner.reclaimed)
    if last.reclaimed and losses <= FREE_LOSSES:
        return ended
    pause = policy.retry_least * (1 << min(len(failed) - min(losses, FREE_LOSSES) - 1, 10))
    return ended + min(pause, policy.retry_most)


def order_at(ledger: Ledger) -> datetime:
    """When the next order may go out."""
    if ledger.active is not None:
        return ledger.rest_until or ledger.active.ordered_at
    if not ledger.runners:
        return ledger.begun_at
    again = again_at(ledger, ledger.runners[-1])
    return max(again, ledger.quiet_until or again)


def wake_at(ledger: Ledger, now: datetime) -> datetime:
    """The next moment at which `next_step` could say something else."""
    moments = [ask_at(ledger)]
    if ledger.demand.phase == "queued":
        moments += [give_up_at(ledger)]
        if ledger.active is None or ledger.active.machine is None:
            moments += [order_at(ledger)]
    else:
        moments += [overdue_at(ledger)]
    waiting = [each for each in ledger.held if not each.running and not each.cause]
    moments += [deadline(ledger.request.policy, each) for each in waiting]
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
