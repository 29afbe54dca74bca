"""What must hold of warm pools, whatever went wrong: pure, from the evidence."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from simulator.chaos.breaches import Broken
from simulator.chaos.evidence import OVER, Evidence, serves
from simulator.chaos.machines import Machine
from simulator.github.books import JobRecord


def broken(evidence: Evidence) -> Iterator[Broken]:
    """List what does not hold."""
    yield from _served_twice(evidence)
    yield from _held_twice(evidence)
    yield from _lent_twice(evidence)
    yield from _above_max(evidence)
    yield from _stopped_busy(evidence)
    for pool, end in evidence.managers.items():
        if end != OVER:
            yield Broken("unexplained", f"the manager of pool {pool} is {end}")
    for pool, words in evidence.short.items():
        yield Broken("pool", f"pool {pool} did not become what it is to be: {words}")


def _served_twice(evidence: Evidence) -> Iterator[Broken]:
    """Machines on which two jobs ran."""
    for machine in evidence.machines:
        served = [job.id for job in evidence.ours if _ran_on(job, machine)]
        if len(served) > 1:
            words = f"machine {machine.machine_id} served jobs {_listed(served)}"
            yield Broken("pool", words, served[-1])


def _held_twice(evidence: Evidence) -> Iterator[Broken]:
    """Machines that two attempts had, of two lifecycles or of one."""
    holders = defaultdict[str, list[str]](list)
    for job_id, life in evidence.lives.items():
        for attempt in life.outcome.attempts if life.outcome else ():
            if attempt.machine is not None:
                holders[attempt.machine.machine_id].append(f"{job_id}-{attempt.number}")
    for machine_id, attempts in holders.items():
        if len(attempts) > 1:
            words = f"machine {machine_id} was given to {_listed(attempts)}"
            yield Broken("pool", words, int(attempts[-1].partition("-")[0]))


def _lent_twice(evidence: Evidence) -> Iterator[Broken]:
    """Volumes that two pods had at the same time."""
    borrowers = defaultdict[str, list[Machine]](list)
    for machine in evidence.machines:
        for volume in machine.volumes if machine.ran else ():
            borrowers[volume].append(machine)
    for volume, pods in borrowers.items():
        until, last = -math.inf, ""
        for pod in sorted(pods, key=lambda one: one.began):
            if pod.began < until:
                yield Broken("pool", f"volume {volume} was lent to {last} and {pod.machine_id}")
            if _over_at(pod) > until:
                until, last = _over_at(pod), pod.machine_id


def _over_at(pod: Machine) -> float:
    """When nothing of a pod ran any more; one that is being ended still writes."""
    times = dict(pod.times)
    return times.get("ended", times.get("gone", math.inf))


def _above_max(evidence: Evidence) -> Iterator[Broken]:
    """Pools that had more machines at some moment than they may."""
    for pool, most in evidence.maxes.items():
        members = [one for one in evidence.machines if one.member and one.pool == pool]
        peak, at = _peak(members)
        if peak > most:
            seconds = at - evidence.began_at.timestamp()
            words = f"pool {pool} had {peak} machines after {seconds:.2f} s, its max is {most}"
            yield Broken("pool", words)


def _peak(machines: Iterable[Machine]) -> tuple[int, float]:
    """Count the most machines that there were at once, and say when."""
    steps = list[tuple[float, int]]()
    for machine in machines:
        steps.append((machine.began, 1))
        if machine.ended is not None:
            steps.append((machine.ended, -1))
    count, peak, at = 0, 0, 0.0
    # Of one moment the end counts first.
    for moment, step in sorted(steps):
        count += step
        if count > peak:
            peak, at = count, moment
    return peak, at


def _stopped_busy(evidence: Evidence) -> Iterator[Broken]:
    """Machines that were stopped while a job ran on them."""
    for machine in evidence.machines:
        if machine.machine_id in evidence.killed:
            continue
        stops = [at for state, at in machine.times if state == "stopping"]
        for job in evidence.ours:
            if _ran_on(job, machine) and any(_at_work(job, at) for at in stops):
                words = f"machine {machine.machine_id} was stopped in job {job.id}"
                yield Broken("busy_killed", words, job.id)


def _ran_on(job: JobRecord, machine: Machine) -> bool:
    return any(serves(machine, runner) for runner in job.runners)


def _at_work(job: JobRecord, moment: float) -> bool:
    if job.started_at is None or job.started_at.timestamp() > moment:
        return False
    return job.completed_at is None or job.completed_at.timestamp() > moment


def _listed(words: Iterable[object]) -> str:
    return ", ".join(map(str, words))
