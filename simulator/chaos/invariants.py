"""What must hold of every world, whatever went wrong in it: pure, from the evidence."""

from collections.abc import Iterator

from simulator.chaos import invariants_pools
from simulator.chaos.breaches import Breach, Broken
from simulator.chaos.evidence import Evidence, owner_of
from simulator.chaos.machines import Machine
from simulator.github.books import JobRecord, RunnerRecord

__all__ = ["Breach", "Broken", "broken"]

MOST_RUNS = 2


def broken(evidence: Evidence) -> list[Broken]:
    """List what does not hold."""
    return [
        *_lost(evidence),
        *_duplicated(evidence),
        *_orphaned(evidence),
        *_busy_killed(evidence),
        *_unexplained(evidence),
        *_contract(evidence),
        *invariants_pools.broken(evidence),
    ]


def _lost(evidence: Evidence) -> Iterator[Broken]:
    """Jobs that GitHub would have run, and that have not run to their end."""
    for job in evidence.ours:
        if job.status != "completed":
            yield Broken("lost", f"job {job.id} is {job.status} for ever", job.id)
        elif job.conclusion == "success" or job.id in evidence.cancelled:
            continue
        elif not job.runners:
            yield Broken("lost", f"job {job.id} is {job.conclusion} and never ran", job.id)
        elif evidence.plainly_lost_to_chaos(job) and not _made_good(evidence, job):
            yield Broken("lost", f"job {job.id} was lost and did not run again", job.id)


def _made_good(evidence: Evidence, job: JobRecord) -> bool:
    """Whether a job that was lost with its machine ran again, or was not to."""
    again = evidence.attempts_of(job)[-1].run_attempt > job.run_attempt
    return again or job.run_attempt > 1 or any("rerun=false" in label for label in job.labels)


def _duplicated(evidence: Evidence) -> Iterator[Broken]:
    """Jobs that ran twice, re-runs without need, and twins of machines."""
    for job in evidence.ours:
        if len(job.runners) > 1:
            yield Broken("duplicated", f"job {job.id} ran on {', '.join(job.runners)}", job.id)
        yield from _needless(evidence, job)
    yield from _twins(evidence)


def _twins(evidence: Evidence) -> Iterator[Broken]:
    """Machines of one runner at the same time; one may follow another that died unheard of.

    A Job controller whose call to make a pod was not answered makes another one, and soon removes
    one of the two: https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures
    """
    latest = dict[str, Machine]()
    running = [machine for machine in evidence.machines if machine.ran]
    for machine in sorted(running, key=lambda one: one.began):
        name = machine.runner or machine.member or machine.machine_id
        before = latest.get(name)
        if before is not None and (before.ended is None or before.ended > machine.began):
            yield Broken("duplicated", f"two machines for {name}", owner_of(name))
        latest[name] = machine


def _needless(evidence: Evidence, job: JobRecord) -> Iterator[Broken]:
    attempts = evidence.attempts_of(job)
    if job != attempts[0]:
        return
    if len(attempts) > MOST_RUNS:
        yield Broken("duplicated", f"job {job.id} was run {len(attempts)} times", job.id)
    if len(attempts) > 1 and (job.conclusion == "success" or not evidence.lost_to_chaos(job)):
        yield Broken("duplicated", f"job {job.id} ran again though nothing was lost", job.id)


def _orphaned(evidence: Evidence) -> Iterator[Broken]:
    """What is left when all is over."""
    for machine in evidence.machines:
        if machine.ended is None:
            owner = machine.runner or machine.member
            words = f"machine {machine.machine_id} of {owner} is {machine.state}"
            yield Broken("orphaned", words, owner_of(machine.runner))
    for registration in evidence.books.registered:
        name = registration.name
        yield Broken("orphaned", f"registration of {name} is left", owner_of(name))
    for thing in evidence.left:
        yield Broken("orphaned", f"{thing.kind} {thing.name} is left", owner_of(thing.runner))


def _busy_killed(evidence: Evidence) -> Iterator[Broken]:
    """Runners that ended while they worked, and that the chaos has not touched."""
    for job in evidence.ours:
        if job.status != "completed" or job.conclusion == "success" or not job.runners:
            continue
        if job.id not in evidence.cancelled and not evidence.killed_by_chaos(job):
            runner = job.runners[-1]
            causes = ", ".join(one.cause for one in evidence.machines_of(runner))
            words = f"{runner} was ended ({causes or 'without a machine'}) in job {job.id}"
            yield Broken("busy_killed", f"{words}: {job.conclusion}", job.id)
    for lost in evidence.books.lost_busy:
        if not _excused(evidence, lost):
            words = f"{lost.name} was cut off while it worked job {lost.jobs[-1:]}"
            yield Broken("busy_killed", words, next(iter(lost.jobs[-1:]), None))
    yield from _struck_down(evidence)


def _excused(evidence: Evidence, lost: RunnerRecord) -> bool:
    """Whether the chaos took the machine before the runner was cut off."""
    killed = evidence.killed
    taken = [killed.get(one.machine_id) for one in evidence.machines_of(lost.name)]
    cut_off_at = lost.lost_busy_at
    return any(at is not None and not (cut_off_at and cut_off_at < at) for at in taken)


def _struck_down(evidence: Evidence) -> Iterator[Broken]:
    """Machines on which a job ran when they were ended, though nobody had cancelled it."""
    for machine in evidence.machines:
        if not machine.busy or machine.machine_id in evidence.killed:
            continue
        for job in evidence.ours:
            if job.id not in evidence.cancelled and _at_work(job, machine):
                words = f"{machine.machine_id} was ended ({machine.cause}) in job {job.id}"
                yield Broken("busy_killed", words, job.id)


def _at_work(job: JobRecord, machine: Machine) -> bool:
    """Whether a job ran on a machine when that was ended."""
    if machine.runner not in job.runners or machine.ended is None or job.started_at is None:
        return False
    over = job.completed_at is not None and job.completed_at.timestamp() < machine.ended
    return job.started_at.timestamp() < machine.ended and not over


def _unexplained(evidence: Evidence) -> Iterator[Broken]:
    """Lifecycles that did not end, or do not say why they or their runners did."""
    for job in evidence.ours:
        life = evidence.lives.get(job.id)
        if life is None or life.status == "absent":
            # Of a job that was over before anybody heard of it there is none.
            continue
        if life.status != "completed" or life.outcome is None:
            yield Broken("unexplained", f"the lifecycle of job {job.id} is {life.status}", job.id)
            continue
        mute = [attempt.runner for attempt in life.outcome.attempts if not attempt.cause]
        if mute or not life.outcome.state:
            words = f"job {job.id} is {life.outcome.state!r}; no cause for {', '.join(mute)}"
            yield Broken("unexplained", words, job.id)
    for crash in evidence.crashes:
        yield Broken("unexplained", crash)


def _contract(evidence: Evidence) -> Iterator[Broken]:
    """Where the fake itself was wrong, nothing is shown."""
    for violation in evidence.books.violations:
        yield Broken("contract", violation)
