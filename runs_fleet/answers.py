"""Takes into a ledger how each call outside ended; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from runs_fleet import lending
from runs_fleet.deadlines import NOT_REGISTERED, NOT_TAKEN
from runs_fleet.decisions import rungs_of
from runs_fleet.ledger import Ledger
from runs_fleet.models import JobEvent, Machine, MachineStatus, Registration
from runs_fleet.notices import Told
from runs_fleet.placed import Placed
from runs_fleet.registering import BY_TOKEN
from runs_fleet.releases import ReleaseResult
from runs_fleet.reruns import KEPT, TAKEN, UNKNOWN
from runs_fleet.runner import Runner

# Verdicts that say for sure that an order made nothing.
NEVER_MADE = ("NoCapacity", "Refused")
# A limit that lasts longer is not waited for by a call.
SHORT = timedelta(minutes=10)
# A machine whose create was never answered may show late: two removals must find none.
LOOKS_FOR_UNSEEN = 2
# How often to ask about a machine that seems to run, though its job has failed.
LOOKS_FOR_LOST = 4
# A mint whose answer got lost is only tried again after its time limit.
MINTED_AT_ONCE = timedelta(seconds=10)
# GitHub's REST API may not know yet of a job that its webhook has told of.
LOOKS_FOR_UNKNOWN = 4


class Failure(NamedTuple):
    """The type of the verdict (`NoCapacity`, `Refused`, ...), its words, and how long it holds."""

    kind: str
    words: str = ""
    after: timedelta | None = None


def created(ledger: Ledger, runner: Runner, answer: Machine | Failure, now: datetime) -> None:
    """Take in how an order ended; only an answer ends the doubt whether a machine exists."""
    if isinstance(answer, Machine):
        ledger.note_machine_made(runner, answer, now)
        return
    runner.detail = answer.words
    runner.doubtful = answer.kind not in NEVER_MADE
    if answer.kind == "NoCapacity":
        ledger.note_full(now, rungs=len(rungs_of(ledger)))
    elif answer.kind == "Refused":
        runner.drop("refused", now)
        _give_up(ledger, answer)
    else:
        runner.drop("not_created", now)


def placed(ledger: Ledger, runner: Runner, answer: Placed | Failure, now: datetime) -> None:
    """Take in how the one call went that makes a machine and registers its runner."""
    if isinstance(answer, Failure):
        runner.registering = answer.kind not in NEVER_MADE
        created(ledger, runner, answer, now)
        return
    created(ledger, runner, answer.machine, now)
    runner.registering = answer.begun
    runner.reminted = answer.again or (answer.begun and answer.registration is None)
    if answer.registration is not None:
        registered(ledger, runner, answer.registration, now)
    elif answer.refused or (answer.after or SHORT) > SHORT:
        kind = "Refused" if answer.refused else "RateLimited"
        registered(ledger, runner, Failure(kind, answer.trouble, answer.after), now)
    else:
        runner.detail = answer.trouble


def taken(ledger: Ledger, runner: Runner, answer: Failure | None, now: datetime) -> None:
    """Take in whether a pool's member could be had."""
    if answer is None:
        return
    runner.detail = answer.words
    runner.drop(NOT_TAKEN, now)
    if answer.kind == "Refused":
        # Somebody else's runner is on that machine: it is not ours to remove.
        runner.machine, runner.gone_at = None, now


def wants_registration(ledger: Ledger, runner: Runner) -> bool:
    """Whether a machine just made is still of use: to its job, or to whom that owes a runner."""
    waits = ledger.demand.phase == "queued" and not ledger.over
    of_use = (waits or lending.owes(ledger)) and not (runner.cause or runner.ended)
    return of_use and runner.machine is not None and not runner.answered


def registered(
    ledger: Ledger, runner: Runner, answer: Registration | Failure, now: datetime
) -> None:
    """Take in how a mint ended."""
    if isinstance(answer, Registration):
        runner.by_token = answer.runner_id == BY_TOKEN
        runner.runner_id = None if runner.by_token else answer.runner_id
        runner.reminted = runner.reminted or not _at_once(runner, now)
        return
    runner.detail = answer.words
    # Its agent may have the config though the answer was lost: then it is registered.
    if runner.ready_at is None and not runner.ended:
        runner.ended, runner.ended_at = NOT_REGISTERED, now
    if answer.after is not None:
        ledger.quiet_until = now + answer.after
    if answer.kind == "Refused":
        # Nobody was given a config, so nobody need be asked before the machine goes.
        runner.registering = runner.reminted or not _at_once(runner, now)
        _give_up(ledger, answer)


def _at_once(runner: Runner, now: datetime) -> bool:
    """Whether no answer to an earlier mint of it can have got lost."""
    return now - (runner.created_at or now) < MINTED_AT_ONCE


def released(
    ledger: Ledger, runner: Runner, answer: ReleaseResult | Failure, now: datetime
) -> None:
    """Take in how a removal went; no answer means: still there."""
    if isinstance(answer, Failure):
        runner.detail = answer.words or runner.detail
        ledger.note_kept(runner, now, busy=False)
        return
    runner.unseen += not answer.machine_seen and not answer.busy
    unsure = runner.doubtful and not answer.machine_seen and runner.unseen < LOOKS_FOR_UNSEEN
    if answer.busy or unsure:
        ledger.note_kept(runner, now, busy=answer.busy)
    else:
        runner.gone_at = now


def asked(ledger: Ledger, answer: JobEvent | Failure, now: datetime) -> None:
    """Take in what GitHub says of the job; no answer leaves everything as it is."""
    ledger.asked_at = now
    if isinstance(answer, JobEvent):
        ledger.note_github(answer, now)
        ledger.answered_at = now
    elif answer.kind == "NotThere" and now >= _settled_at(ledger):
        close(ledger, "vanished", answer.words)


def _settled_at(ledger: Ledger) -> datetime:
    """When GitHub must know of a job, if there is one: a minute after its delivery."""
    return ledger.begun_at + LOOKS_FOR_UNKNOWN * ledger.request.policy.busy_look


def close(ledger: Ledger, state: str, reason: str) -> None:
    """End the demand without GitHub's word; an operator's command does not wait for a look."""
    ledger.over, ledger.reason = state, reason
    for runner in ledger.held:
        runner.look_anew()


def _give_up(ledger: Ledger, answer: Failure) -> None:
    """A refusal ends the demand only while the job depends on us: it may run elsewhere."""
    if ledger.demand.phase == "queued":
        close(ledger, "gave_up", answer.words)


def traced(ledger: Ledger, answer: Sequence[MachineStatus] | Failure, now: datetime) -> None:
    """Take in what the cloud says of the machine that had the job.

    One that seems to run though its job has failed may be lost, and nobody has noticed yet.
    """
    if isinstance(answer, Failure):
        ledger.trace = UNKNOWN
    elif any(each.taken for each in answer):
        ledger.trace = TAKEN
    elif ledger.request.one_call and ledger.traces < LOOKS_FOR_LOST and _seems_to_run(answer):
        ledger.traces += 1
        ledger.trace_at = now + ledger.request.policy.busy_look
    elif ledger.request.one_call and answer and all(each.state == "pending" for each in answer):
        # It has run a job, so it was there: its pod is gone, and the cluster has not noticed.
        ledger.trace = TAKEN
    else:
        ledger.trace = KEPT


def _seems_to_run(answer: Sequence[MachineStatus]) -> bool:
    return any(each.state in ("pending", "running") for each in answer)


def rerun(ledger: Ledger, answer: Failure | None) -> None:
    """Take in whether GitHub runs the job once more."""
    if answer is None:
        ledger.rerun = "requested"
    else:
        ledger.rerun, ledger.reason = "refused", answer.words


def told(ledger: Ledger, answer: Told | Failure) -> None:
    """Take in whether people were told; that they were not is one more thing to say."""
    if isinstance(answer, Told):
        ledger.told = answer.by
        return
    ledger.told = "nobody"
    if ledger.over:
        ledger.reason = f"{ledger.reason} (nobody was told at GitHub: {answer.words})"
