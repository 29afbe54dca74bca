"""What is said of a pool's members, folded into its state in any order, repeated or late; pure."""

from datetime import datetime, timedelta

from runs_fleet import names
from runs_fleet.answers import Failure
from runs_fleet.models import JobEvent, MachineEvent, Registration, RunnerReport
from runs_fleet.pools import claims
from runs_fleet.pools.state import Job, Member, PoolState
from runs_fleet.pools.wire import MemberLaunched, PoolAnswer
from runs_fleet.releases import ReleaseResult

FIRST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
REFUSED_REST = timedelta(minutes=5)
BUSY_LOOK, AGAIN = timedelta(seconds=15), timedelta(seconds=30)
LATE_LOOK = timedelta(minutes=1)
# A machine whose order was never answered is looked for twice, as it may show late.
MOST_UNSEEN = 2
# GitHub gave it no job, and its agent stands by again.
UNSERVED = frozenset({"registration_lost", "no_job", "idle"})
JOB_OVER = "its job is over"


def reported(state: PoolState, report: RunnerReport, now: datetime) -> None:
    """Take in what a member's agent says; what a job's runner says is its lifecycle's."""
    member = _member(state, report.runner)
    if member is None:
        return _heard(state, report)
    mint = names.member_runner(member.name, member.mint) if member.mint else ""
    if report.kind == "standing_by":
        _stands_by(state, member, report, now)
    elif member.phase == "claimed" and not member.booked:
        return
    elif report.runner.lower() in (member.name, mint):
        _moved(state, member, report, now=now)


def told_of_machine(state: PoolState, event: MachineEvent, now: datetime) -> None:
    """Take in what the cloud says of a machine; a claimed one's lifecycle hears it too."""
    found = [each for each in state.members.values() if _is(each, event.machine_id)]
    if not found or event.kind == "stalled":
        return
    member = found[0]
    if member.phase in ("stopping", "stopped") and event.cause in ("stopping", "stopped"):
        if event.cause == "stopped" and member.phase == "stopping":
            member.enter("stopped", now)
    elif member.phase != "claimed" or member.booked:
        member.dismiss(f"its machine: {event.cause or event.kind}", now)


def told_of_job(state: PoolState, event: JobEvent, now: datetime) -> None:
    """Take in that GitHub gave one of the listening members a job, or that this job is over."""
    member = _member(state, event.runner_name or "")
    if member is None or not member.mint or (member.phase == "claimed" and not member.booked):
        return
    if event.phase == "in_progress" and not member.booked and not member.spent:
        _book(state, member, event, now=now)
    elif event.phase == "completed":
        # The registration is used up only if it is the present one that had the job.
        member.spent = (event.runner_name or "").lower() == member.runner
        member.dismiss(JOB_OVER, now)
        member.look_at = None
        claims.forget(state, [event.job_id], now)


def launched(state: PoolState, name: str, answer: MemberLaunched | Failure, now: datetime) -> None:
    """Take in how an order ended; only an answer ends the doubt whether a machine exists."""
    member = state.members[name]
    member.call = ""
    if isinstance(answer, MemberLaunched):
        member.machine, member.wake, member.doubtful = answer.machine, answer.wake, False
        if member.phase == "ordering":
            member.enter("free" if member.heard else "booting", now)
        return
    _rest(state, answer, now)
    if answer.kind in ("NoCapacity", "Refused"):
        state.depart(name)
    else:
        member.dismiss(f"its order was not answered: {answer.words}", now)


def stopped(state: PoolState, name: str, answer: Failure | None, now: datetime) -> None:
    """Take in that a member was told to stop; a survey tells when it has, or whose it is."""
    state.members[name].call = ""
    if isinstance(answer, Failure):
        state.trouble = f"{name} cannot be stopped: {answer.words}"
        state.survey_at = now


def registered(state: PoolState, name: str, answer: Registration | Failure, now: datetime) -> None:
    """Take in how a mint ended; one that was not answered may have been made."""
    member = state.members[name]
    member.call = ""
    if isinstance(answer, Registration):
        member.runner_id = answer.runner_id
        return
    state.trouble = f"{name} cannot be registered: {answer.words}"
    _rest(state, answer, now)
    if not member.booked:
        member.dismiss(f"it was not registered: {answer.kind}", now)


def released(state: PoolState, name: str, answer: ReleaseResult | Failure, now: datetime) -> None:
    """Take in whether a member is gone; one that works is kept, and looked at again."""
    member = state.members[name]
    member.call = ""
    member.tries += 1
    if isinstance(answer, Failure):
        state.trouble = f"{name} cannot be removed: {answer.words}"
        member.look_at = now + min(AGAIN * member.tries, LONGEST_REST)
    elif answer.busy:
        member.look_at = now + BUSY_LOOK
    elif member.doubtful and not answer.machine_seen and member.unseen + 1 < MOST_UNSEEN:
        member.unseen += 1
        member.look_at = now + LATE_LOOK
    else:
        state.depart(name)


def _member(state: PoolState, runner: str) -> Member | None:
    found = names.pool_of(runner)
    return state.members.get(found[1]) if found else None


def _is(member: Member, machine_id: str) -> bool:
    return member.machine is not None and member.machine.machine_id == machine_id


def _heard(state: PoolState, report: RunnerReport) -> None:
    """Remember of a machine that nobody knows whether its agent stands by."""
    found = names.pool_of(report.runner)
    stranger = state.strangers.get(found[1]) if found else None
    if stranger is not None and report.kind in ("standing_by", "ready", "started"):
        stranger.heard = report.kind == "standing_by"


def _stands_by(state: PoolState, member: Member, report: RunnerReport, now: datetime) -> None:
    if member.phase == "ordering":
        member.heard = True
    elif member.phase == "booting":
        member.enter("free", now)
    elif member.phase == "listening" and report.at > member.since:
        # Its agent has begun anew, and does not know of its registration.
        member.enter("free", now)
    else:
        return
    state.failures, state.rest_until, state.trouble = 0, None, ""


def _moved(state: PoolState, member: Member, report: RunnerReport, *, now: datetime) -> None:
    if report.kind == "ready" and member.phase == "registering":
        member.enter("listening", now)
    elif report.kind == "finished" and report.outcome in UNSERVED and not member.booked:
        if member.phase in ("registering", "listening") and report.runner.lower() == member.runner:
            member.registered, member.runner_id = False, None
            member.enter("free", now)
    elif report.kind in ("finished", "failed", "interrupted") and member.phase != "leaving":
        if member.phase in ("ordering", "booting"):
            _rest(state, Failure("failed", f"{member.name}: {report.outcome}"), now)
        member.dismiss(f"its agent: {report.kind} {report.outcome}".rstrip(), now)


def _book(state: PoolState, member: Member, event: JobEvent, *, now: datetime) -> None:
    if member.phase != "leaving":
        member.enter("claimed", now)
    job = state.jobs.setdefault(event.job_id, Job(repo=event.repo, heard_at=now))
    job.patient_until = None
    member.job_id, member.repo, member.booked = event.job_id, job.repo, True
    state.note_jobs(now)
    state.count("booked")
    state.notices.append(
        PoolAnswer(
            kind="booked",
            job_id=event.job_id,
            attempt=0,
            pool=state.definition.name,
            member=member.name,
            tier="listening",
            machine=member.machine,
        )
    )


def failed(state: PoolState, words: str, now: datetime) -> None:
    """Take in that a machine never became what it was made for."""
    _rest(state, Failure("silent", words), now)


def _rest(state: PoolState, failure: Failure, now: datetime) -> None:
    """Launch nothing for a while, longer with each rest; more failures in one rest are one."""
    state.trouble = f"{failure.kind}: {failure.words}".rstrip(": ")
    if state.rest_until is not None and now < state.rest_until:
        return
    least = REFUSED_REST if failure.kind == "Refused" else FIRST_REST
    rest = min(least * 2 ** min(state.failures, 10), LONGEST_REST)
    state.failures += 1
    state.rest_until = now + max(rest, failure.after or rest)
