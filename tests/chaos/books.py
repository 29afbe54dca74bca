"""Evidence of worlds made up by hand: one in order, and what to break in it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runs_fleet.outcomes import Attempt, JobOutcome, Timings
from simulator.chaos.evidence import Deed, Evidence, Life
from simulator.chaos.machines import Machine
from simulator.github.books import Books, DeliveryRecord, JobRecord, RunnerRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
JOB = 7
SERVER_LOSS, OURS = "Server.InternalError", "Client.UserInitiatedShutdown"


def at(seconds: float) -> datetime:
    """A moment of the world."""
    return START + timedelta(seconds=seconds)


def runner_name(job_id: int, attempt: int = 1) -> str:
    return f"runs-fleet-{job_id}-{attempt}"


def job(job_id: int = JOB, **facts: Any) -> JobRecord:
    """A job that ran well on its own runner, from the second to the fourth second."""
    usual: dict[str, Any] = {
        "run_id": 1,
        "run_attempt": 1,
        "repo": "acme/app",
        "name": "build",
        "kind": "job",
        "labels": ("runs-fleet=1/cpu=2",),
        "status": "completed",
        "conclusion": "success",
        "carried_over": False,
        "muted": False,
        "runners": (runner_name(job_id),),
        "offers": 1,
        "created_at": at(0),
        "queued_at": at(0),
        "started_at": at(2),
        "completed_at": at(4),
        "events": (),
    }
    return JobRecord(id=job_id, **{**usual, **facts})


def runner(job_id: int = JOB, attempt: int = 1, **facts: Any) -> RunnerRecord:
    """A registration that went with its job."""
    usual: dict[str, Any] = {
        "scope": "acme",
        "labels": ("runs-fleet=1/cpu=2",),
        "group_id": 1,
        "online": False,
        "busy": False,
        "created_at": at(1),
        "online_at": at(2),
        "removed_at": at(4),
        "removed_how": "ran_job",
        "lost_busy_at": None,
        "jobs": (job_id,),
    }
    return RunnerRecord(
        id=10 * job_id + attempt, name=runner_name(job_id, attempt), **{**usual, **facts}
    )


def machine(job_id: int = JOB, attempt: int = 1, **facts: Any) -> Machine:
    """A machine that we have terminated."""
    begun, ended = at(1).timestamp(), at(5).timestamp()
    usual: dict[str, Any] = {
        "machine_id": f"i-{job_id}-{attempt}",
        "runner": runner_name(job_id, attempt),
        "state": "terminated",
        "began": begun,
        "ended": ended,
        "cause": OURS,
        "times": (("pending", begun), ("shutting-down", ended), ("terminated", ended)),
    }
    return Machine(**{**usual, **facts})


def life(job_id: int = JOB, *, cause: str = "job_done", **facts: Any) -> Life:
    """A lifecycle that ended with its job."""
    attempt = Attempt(number=1, runner=runner_name(job_id), cause=cause, ended_at=at(5))
    usual: dict[str, Any] = {
        "repo": "acme/app",
        "state": "completed",
        "conclusion": "success",
        "attempts": (attempt,),
        "timings": Timings(queued=at(0), delivered=at(0), completed=at(4)),
    }
    return Life(status="completed", outcome=JobOutcome(job_id=job_id, **{**usual, **facts}))


def delivery(job_id: int = JOB, **facts: Any) -> DeliveryRecord:
    """A webhook that was acknowledged."""
    usual: dict[str, Any] = {
        "id": 1,
        "guid": "g-1",
        "hook": "integration",
        "event": "workflow_job",
        "action": "queued",
        "job_status": "queued",
        "redelivery": False,
        "status": "OK",
        "status_code": 202,
        "made_at": at(0),
        "sent_at": at(0),
        "answered_at": at(0.1),
    }
    return DeliveryRecord(job_id=job_id, **{**usual, **facts})


def deed(kind: str, target: str, seconds: float = 3, **facts: Any) -> Deed:
    """A fault that took place."""
    return Deed(at=at(seconds), kind=kind, target=target, **facts)


def loss(
    kind: str = "hardware_loss", seconds: float = 3, machine_id: str = "i-7-1", **facts: Any
) -> Deed:
    """A fault that took a machine."""
    return deed(kind, machine_id, seconds, taken=(machine_id,), **facts)


def evidence(
    *jobs: JobRecord,
    runners: tuple[RunnerRecord, ...] | None = None,
    violations: tuple[str, ...] = (),
    **facts: Any,
) -> Evidence:
    """A world in order, but for what is given."""
    books = Books(
        jobs=jobs or (job(),),
        runners=(runner(),) if runners is None else runners,
        deliveries=(delivery(),),
        violations=violations,
    )
    usual: dict[str, Any] = {
        "seed": 1,
        "began_at": START,
        "calm_at": at(10),
        "rested_at": at(12),
        "machines": (machine(),),
        "lives": {JOB: life()},
    }
    return Evidence(books=books, **{**usual, **facts})
