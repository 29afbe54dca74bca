"""Opens the books: the state of the fake as its clients read it."""

from datetime import UTC, datetime
from typing import overload

from simulator.github.books import Books, DeliveryRecord, EventRecord, JobRecord, RunnerRecord
from simulator.github.deliveries import Delivery
from simulator.github.entities import Job, Runner
from simulator.github.service import GitHubService


def books(service: GitHubService, *, deliveries: bool = True) -> Books:
    """Write down everything; deliveries may be left out, as they are the bulk."""
    log = service.deliveries.log.values() if deliveries else ()
    return Books(
        jobs=tuple(job_record(job) for job in service.hub.runs.jobs.values()),
        runners=tuple(runner_record(runner) for runner in service.hub.registry.ever),
        deliveries=tuple(delivery_record(delivery) for delivery in log),
        notices=tuple(service.notices),
        calls={route: dict(counts) for route, counts in service.calls.items()},
        violations=tuple(service.contract.violations),
    )


def job_record(job: Job) -> JobRecord:
    """Write down one job."""
    events = [EventRecord(action=a, status=s, at=_utc(at)) for a, s, at in job.events]
    return JobRecord(
        id=job.id,
        run_id=job.run.id,
        run_attempt=job.attempt,
        repo=job.run.repo,
        name=job.plan.name,
        kind=job.plan.kind,
        labels=job.labels,
        status=job.status,
        conclusion=job.conclusion,
        carried_over=job.carried_over,
        muted=job.plan.mute,
        runners=tuple(job.taken_by),
        offers=job.offers,
        created_at=_utc(job.created_at),
        queued_at=_utc(job.queued_at),
        started_at=_utc(job.started_at) if job.taken_by else None,
        completed_at=_utc(job.completed_at),
        events=tuple(events),
    )


def runner_record(runner: Runner) -> RunnerRecord:
    """Write down one registration."""
    return RunnerRecord(
        id=runner.id,
        name=runner.name,
        scope=runner.scope,
        labels=runner.labels,
        group_id=runner.group_id,
        online=runner.online,
        busy=runner.busy,
        created_at=_utc(runner.created_at),
        online_at=_utc(runner.online_at),
        removed_at=_utc(runner.removed_at),
        removed_how=runner.removed_how,
        lost_busy_at=_utc(runner.lost_busy_at),
        jobs=tuple(runner.ran),
    )


def delivery_record(delivery: Delivery) -> DeliveryRecord:
    """Write down one delivery."""
    event = delivery.event
    return DeliveryRecord(
        id=delivery.id,
        guid=event.guid,
        hook=delivery.hook,
        event=event.name,
        action=event.action,
        job_id=event.job_id,
        job_status=event.job_status,
        redelivery=delivery.redelivery,
        status=delivery.status,
        status_code=delivery.status_code,
        made_at=_utc(delivery.made_at),
        sent_at=_utc(delivery.sent_at),
        answered_at=_utc(delivery.answered_at),
    )


@overload
def _utc(seconds: float) -> datetime: ...
@overload
def _utc(seconds: float | None) -> datetime | None: ...
def _utc(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
