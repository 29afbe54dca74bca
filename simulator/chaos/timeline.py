"""Tells the story of a broken job: what was done to its world, and what became of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from simulator.chaos.evidence import Deed, Evidence, owner_of, serves
from simulator.github.books import DeliveryRecord, RunnerRecord

Line = tuple[datetime, str]
Told = Iterator[Line]


def tell(evidence: Evidence, job_id: int | None) -> list[str]:
    """List, by seconds since the start, all faults and all that concerns a job and its re-runs."""
    lines = list(_faults(evidence))
    if job_id is not None:
        jobs = _family(evidence, job_id)
        for part in (_events, _deliveries, _registrations, _machines, _orders, _attempts):
            lines += part(evidence, jobs)
    return [f"{_seconds(evidence, at):8.2f}  {words}" for at, words in sorted(lines)]


def _seconds(evidence: Evidence, at: datetime) -> float:
    return (at - evidence.began_at).total_seconds()


def _family(evidence: Evidence, job_id: int) -> set[int]:
    """The job, its re-runs, and whoever had one of their runners, or gave one."""
    known = {job.id: job for job in evidence.ours}
    if job_id not in known:
        return {job_id}
    same = evidence.attempts_of(known[job_id])
    givers = {owner_of(runner) for job in same for runner in job.runners} - {None}
    ids = {job.id for job in same} | {giver for giver in givers if giver is not None}
    takers = {j.id for j in evidence.ours if {owner_of(runner) for runner in j.runners} & ids}
    return ids | takers


def _faults(evidence: Evidence) -> Told:
    for deed in evidence.deeds:
        yield deed.at, f"CHAOS     {_fault(deed)}"
        if deed.mended_at is not None:
            yield deed.mended_at, f"CHAOS     {deed.target} is started again"
    yield evidence.calm_at, "CHAOS     is over"


def _fault(deed: Deed) -> str:
    missed = "(there was none)" if deed.missed else ""
    taken = f"takes {', '.join(deed.taken)}" if deed.taken != (deed.target,) else ""
    words = (deed.kind, deed.what, deed.target, taken if deed.taken else "", missed)
    return " ".join(word for word in words if word)


def _events(evidence: Evidence, jobs: set[int]) -> Told:
    for job in evidence.books.jobs:
        for event in job.events if job.id in jobs else ():
            where = f" on {job.runners[-1]}" if event.action != "queued" and job.runners else ""
            ended = f" {job.conclusion}" if event.action == "completed" else ""
            attempt = f" (attempt {job.run_attempt})" if job.run_attempt > 1 else ""
            yield event.at, f"GITHUB    job {job.id}{attempt} {event.action}{ended}{where}"


def _deliveries(evidence: Evidence, jobs: set[int]) -> Told:
    for one in evidence.books.deliveries:
        if one.job_id in jobs:
            yield one.answered_at or one.made_at, f"WEBHOOK   {_delivery(one)}"


def _delivery(one: DeliveryRecord) -> str:
    again = " again" if one.redelivery else ""
    lost = "" if one.sent_at else " (never left GitHub)"
    return f"{one.action} of {one.job_id}{again}: {one.status_code}{lost}"


def _registrations(evidence: Evidence, jobs: set[int]) -> Told:
    took = {name for job in evidence.ours if job.id in jobs for name in job.runners}
    for runner in evidence.books.runners:
        if owner_of(runner.name) in jobs or runner.name in took:
            yield from ((at, f"RUNNER    {runner.name} {words}") for at, words in _life(runner))


def _life(runner: RunnerRecord) -> Told:
    yield runner.created_at, "registered"
    if runner.online_at:
        yield runner.online_at, "online"
    if runner.lost_busy_at:
        yield runner.lost_busy_at, "lost while it worked"
    if runner.removed_at:
        yield runner.removed_at, f"removed: {runner.removed_how}"


def _machines(evidence: Evidence, jobs: set[int]) -> Told:
    took = [name for job in evidence.ours if job.id in jobs for name in job.runners]
    for machine in evidence.machines:
        theirs = owner_of(machine.runner) in jobs or any(serves(machine, name) for name in took)
        for state, at in machine.times if theirs else ():
            cause = f" ({machine.cause})" if at == machine.ended else ""
            where = f" on {machine.node}" if machine.node else ""
            whose = " ".join(filter(None, (machine.runner, machine.member)))
            words = f"MACHINE   {machine.machine_id} of {whose} {state}{where}{cause}"
            yield datetime.fromtimestamp(at, UTC), words


def _orders(evidence: Evidence, jobs: set[int]) -> Told:
    for order in evidence.orders:
        if owner_of(order.runner) in jobs:
            yield datetime.fromtimestamp(order.at, UTC), f"ORDER     {order.words}"


def _attempts(evidence: Evidence, jobs: set[int]) -> Told:
    for job_id in sorted(jobs):
        life = evidence.lives.get(job_id)
        if life is None or life.outcome is None:
            yield evidence.calm_at, f"LIFECYCLE of {job_id}: {life.status if life else 'unread'}"
            continue
        for attempt in life.outcome.attempts:
            at = attempt.ended_at or attempt.created_at or evidence.calm_at
            yield at, f"LIFECYCLE {attempt.runner}: {attempt.cause or 'open'} {attempt.detail}"
        told = life.outcome
        at = told.timings.released or told.timings.completed or evidence.calm_at
        rerun = ", asked for a re-run" if told.rerun_requested else ""
        words = f"{life.status}: {told.state} {told.conclusion or ''} {told.reason}{rerun}"
        yield at, f"LIFECYCLE of {job_id} {words}"
