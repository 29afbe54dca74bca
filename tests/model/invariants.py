"""What must hold at the end of every world, by the world's own books."""

from collections.abc import Iterator

from runs_fleet import names
from runs_fleet.reruns import TAKEN, UNKNOWN
from runs_fleet.runner import INTERRUPTED
from tests.model.calls import Limits
from tests.model.chaos import HOUR
from tests.model.clock import START
from tests.model.github import Job
from tests.model.lifecycle import Lifecycle
from tests.model.world import POLICY, World
from workflows import options

MOST_STEPS = 400
# Seconds, beyond the time that something outside was away: broken machines in a row take long.
LONGEST_WAIT = 2.0 * HOUR
LONGEST_LINGER = 1.25 * HOUR
# Growing patience: in two hours of nothing but bad luck.
MOST_ATTEMPTS = 30


def broken(world: World) -> list[str]:
    """List what does not hold."""
    return [
        *world.cloud.violations,
        *_unfinished(world),
        *_left(world),
        *_doubled(world),
        *_badly_served(world),
        *_too_many(world),
        *_too_late(world),
        *_too_long(world),
        *_pooled(world),
    ]


def _pooled(world: World) -> Iterator[str]:
    """Whoever was heard by the pool says once that it is over; and of each member what it did."""
    finals = [leave.job_id for leave in world.pool.returned if leave.final]
    for job_id, lifecycle in world.lifecycles.items():
        wanted = 1 if lifecycle.ledger.dealings.ever_known else 0
        if lifecycle.ended and finals.count(job_id) != wanted:
            yield f"job {job_id} has parted {finals.count(job_id)} times"
    spoken = [leave.member for leave in world.pool.returned if leave.member]
    yield from (f"{name} came back twice" for name in set(spoken) if spoken.count(name) > 1)


def _unfinished(world: World) -> Iterator[str]:
    for job_id, lifecycle in world.lifecycles.items():
        if not lifecycle.ended:
            yield f"job {job_id} is never done"
        if sum(lifecycle.steps.values()) > MOST_STEPS:
            yield f"job {job_id} took {sum(lifecycle.steps.values())} steps"
        if len(lifecycle.ledger.runners) > MOST_ATTEMPTS:
            yield f"job {job_id} took {len(lifecycle.ledger.runners)} attempts"


def _left(world: World) -> Iterator[str]:
    """A forced removal leaves its registration to GitHub, which ends it with the job."""
    for host in world.cloud.hosts.values():
        if host.alive:
            yield f"machine of {host.runner} is left"
    for machine_id in world.cloud.configs:
        yield f"config of {world.cloud.hosts[machine_id].runner} is left"
    for name, found in world.github.runners.items():
        if found.job is None:
            yield f"registration of {name} is left"


def _doubled(world: World) -> Iterator[str]:
    made = [host.runner for host in world.cloud.hosts.values()]
    yield from (f"{name} has two machines" for name in sorted(set(made)) if made.count(name) > 1)


def _badly_served(world: World) -> Iterator[str]:
    for job in world.github.jobs.values():
        ledger = world.lifecycles[job.job_id].ledger
        if ledger.over == "released":
            continue
        if job.runs > 1:
            yield f"job {job.job_id} ran {job.runs} times"
        yield from _wrong_end(world, job, world.lifecycles[job.job_id])


def _wrong_end(world: World, job: Job, lifecycle: Lifecycle) -> Iterator[str]:
    ledger = lifecycle.ledger
    # Told of a loss but not of the job's end, it cannot know that the job failed by itself.
    served = ledger.runner(job.runner)
    noticed = ledger.trace == TAKEN or (served is not None and served.lost == INTERRUPTED)
    if ledger.rerun and not job.lost and not noticed:
        yield f"job {job.job_id} ran again though its machine was not lost"
    unknown = ledger.trace == UNKNOWN and _untraceable(world)
    if _owed(world, job) and not ledger.rerun and not unknown:
        yield f"job {job.job_id} was lost with its machine and did not run again"
    if ledger.state == "timed_out":
        if job.seconds < POLICY.max_runtime.total_seconds() and not world.deaf:
            yield f"job {job.job_id} timed out too early"
    elif not job.over:
        yield f"job {job.job_id} never ended, its lifecycle says {ledger.state}"
    elif ledger.demand.conclusion != job.conclusion:
        yield f"job {job.job_id}: {job.conclusion}, its lifecycle says {ledger.demand.conclusion}"
    elif ledger.state not in _fitting(world, job):
        yield f"job {job.job_id} ran {job.runs} times, its lifecycle says {ledger.state}"


def _untraceable(world: World) -> bool:
    """Whether the cloud was away for about as long as a trace goes on."""
    away = sum(end - begin for begin, end in world.chaos.cloud_away)
    return away > Limits.of(options.TRACE).patience / 2


def _owed(world: World, job: Job) -> bool:
    """Whether a job must run again: the cloud took its machine, and GitHub names its runner."""
    named = not world.chaos.levers["unnamed"]
    taken = any(host.job is job and host.taken for host in world.cloud.hosts.values())
    return job.lost and taken and named and job.attempt == 1 and not job.cancelled


def _fitting(world: World, job: Job) -> tuple[str, ...]:
    """A job cancelled on a runner that GitHub never named looks like one that never ran."""
    blurred = job.conclusion == "cancelled" and world.chaos.levers["unnamed"] > 0
    return (
        ("cancelled",) if job.runs == 0 else ("completed", "cancelled" if blurred else "completed")
    )


def _too_many(world: World) -> Iterator[str]:
    """Each machine needs a reason: a job, a theft, or a fault."""
    thefts = sum(1 for job in world.github.jobs.values() if _stolen(job))
    jobs = len(world.github.jobs)
    given = len(world.pool.given)
    faults = world.cloud.faults + world.cloud.agents.faults
    most = jobs + thefts + given + faults + _calls_failed(world)
    if len(world.cloud.hosts) > most:
        yield f"{len(world.cloud.hosts)} machines for {jobs} jobs, {thefts} thefts, at most {most}"


def _too_late(world: World) -> Iterator[str]:
    """How long a job has waited for its runner since its lifecycle began."""
    if world.chaos.levers["released"]:
        return
    for job in world.github.jobs.values():
        begun = (world.lifecycles[job.job_id].ledger.begun_at - START).total_seconds()
        waited = (job.started_at or begun) - begun
        if waited > LONGEST_WAIT + world.chaos.outages:
            yield f"job {job.job_id} waited {waited:.0f} s"


def _too_long(world: World) -> Iterator[str]:
    """How long a machine was there for nothing: since its job's end, or without one."""
    for host in world.cloud.hosts.values():
        since = host.born if host.job is None else host.job.ended_at
        if since is None or host.ended_at is None:
            continue
        if host.ended_at - since > LONGEST_LINGER + world.chaos.outages:
            yield f"machine of {host.runner} idled {host.ended_at - since:.0f} s"


def _stolen(job: Job) -> bool:
    owner = names.owner(job.runner)
    return owner is not None and owner[0] != job.job_id


def _calls_failed(world: World) -> int:
    """Where calls fail, or words come late, an attempt may end for that alone."""
    levers = ("answer_lost", "request_lost", "rest_lag")
    slow = world.chaos.levers["report_delay"] > 60 or world.chaos.levers["webhook_delay"] > 60
    away = len(world.chaos.github_away) + len(world.chaos.cloud_away)
    shaky = any(world.chaos.levers[lever] for lever in levers) or slow or away
    return 12 * len(world.github.jobs) if shaky else 0
