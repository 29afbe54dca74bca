"""Ledgers in the state that a test is about, and what their world says, by the second."""

from datetime import UTC, datetime, timedelta
from typing import Any

from runs_fleet import names
from runs_fleet.ledger import Ledger
from runs_fleet.models import (
    JobEvent,
    JobRequest,
    Machine,
    MachineEvent,
    Market,
    Phase,
    Policy,
    ReportKind,
    RunnerReport,
    RunnerSpec,
    Scope,
)
from runs_fleet.runner import Runner

START = datetime(2026, 1, 5, tzinfo=UTC)
JOB = 7
OTHER = 8
MINE = names.runner(JOB, 1)
THEIRS = names.runner(OTHER, 1)
POLICY = Policy()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def request(**changes: Any) -> JobRequest:
    asked: dict[str, Any] = {
        "job_id": JOB,
        "run_id": 1,
        "scope": Scope(repo="octo/hello"),
        "labels": ("runs-fleet",),
        "label": "runs-fleet",
        "spec": RunnerSpec(),
        "queued_at": START,
        "delivered_at": START,
    }
    return JobRequest(**(asked | changes))


def waiting(**changes: Any) -> Ledger:
    """A job that nothing was done for."""
    return Ledger(request(**changes), begun_at=START)


def made(ledger: Ledger, seconds: float = 0, *, market: Market = Market.SPOT) -> Runner:
    """Open an attempt whose machine is there and whose registration is known."""
    runner = ledger.next_runner(at(seconds))
    machine = Machine(machine_id=f"i-{runner.attempt}", market=market, price=0.36)
    ledger.note_machine_made(runner, machine, at(seconds))
    runner.registering, runner.runner_id = True, runner.attempt
    return runner


def booting(**changes: Any) -> Ledger:
    ledger = waiting(**changes)
    made(ledger)
    return ledger


def idle(**changes: Any) -> Ledger:
    ledger = booting(**changes)
    says_agent(ledger, "ready", 30)
    return ledger


def running(**changes: Any) -> Ledger:
    ledger = idle(**changes)
    says_github(ledger, "in_progress", 40)
    return ledger


def says_github(
    ledger: Ledger, phase: Phase, seconds: float, *, on: str | None = MINE, **facts: Any
) -> None:
    told = {"job_id": JOB, "phase": phase, "runner_name": on, "at": at(seconds)} | facts
    ledger.note_github(JobEvent(**told), at(seconds))


def says_agent(
    ledger: Ledger, kind: ReportKind, seconds: float, *, runner: str = MINE, **facts: Any
) -> None:
    report = RunnerReport(runner=runner, kind=kind, at=at(seconds), **facts)
    ledger.note_report(report, at(seconds))


def says_cloud(
    ledger: Ledger, seconds: float, *, cause: str = "terminated", attempt: int = 1, **facts: Any
) -> None:
    told = {"machine_id": f"i-{attempt}", "kind": "gone", "cause": cause, "at": at(seconds)}
    ledger.note_machine(MachineEvent(**(told | facts)), at(seconds))


def answered(ledger: Ledger, seconds: float) -> None:
    """GitHub is asked, and says that the job is still queued."""
    ledger.asked_at = at(seconds)
    says_github(ledger, "queued", seconds, on=None, source="rest")
