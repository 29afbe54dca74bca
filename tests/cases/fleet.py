"""What GitHub, agents and the cloud say of a job, brought in through the product's own doors."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from uuid import uuid4

import httpx
from temporalio.client import Client, WorkflowHandle

from runs_fleet import names, reports
from runs_fleet.models import (
    JobEvent,
    MachineEvent,
    MachineOrder,
    Phase,
    ReportKind,
    RunnerReport,
    Scope,
)
from runs_fleet.outcomes import JobOutcome
from runs_fleet.ports import JitRunner, Message
from tests.api.conftest import Hook, example
from tests.fakes import MemoryConfigs, MemoryGitHub, MemoryProvider
from tests.lifecycles import eventually
from worker.deliveries import MachineDeliveries, ReportDeliveries
from workflows.runner_lifecycle import RunnerLifecycle

WEBHOOK_SECRET = "the-hook-secret"
REPORT_SECRET = "s" * 32
JOB_IDS = itertools.count(40_000_000)
PATIENCE = 90.0
LABEL = "runs-fleet={job}/cpu=4/arch=arm64"


class RecordingGitHub(MemoryGitHub):
    """Remembers with which labels each runner was registered."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.labels: dict[str, tuple[str, ...]] = {}

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        self.labels[runner] = tuple(labels)
        return super().mint(scope, runner, labels)


@dataclass
class Fleet:
    """The API as a process, a worker in this one, and a world in memory behind it."""

    temporal: Client
    http: httpx.AsyncClient
    provider: MemoryProvider
    configs: MemoryConfigs
    github: RecordingGitHub

    def __post_init__(self) -> None:
        self.jobs: list[Job] = []
        self._hook = Hook(self.http, WEBHOOK_SECRET)
        self._reports = ReportDeliveries(self.temporal, secret=REPORT_SECRET)
        self._events = MachineDeliveries(self.temporal, MachineEvent.model_validate_json)

    def job(self, *labels: str) -> "Job":
        """Think of a job; nobody has heard of it. Without labels it has one of its own."""
        job_id = next(JOB_IDS)
        job = Job(self, job_id, labels or (LABEL.format(job=job_id),))
        self.jobs.append(job)
        return job

    async def queue(self, *labels: str) -> "Job":
        """Let a job be queued."""
        job = self.job(*labels)
        assert await job.queued() == "started"
        return job

    async def deliver(self, payload: object, *, event: str = "workflow_job") -> httpx.Response:
        """Send as GitHub does, and what was not taken again, as the sweep has GitHub do."""
        answer: httpx.Response = await eventually(lambda: self._taken(payload, event))
        return answer

    async def _taken(self, payload: object, event: str) -> httpx.Response | None:
        answer = await self._hook.send(payload, event=event)
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    async def reported(self, report: RunnerReport) -> str:
        """Send an agent's report, signed with its own runner's key."""
        key = reports.key(REPORT_SECRET, report.runner)
        return await self._reports(_message(reports.seal(report, runner_key=key)))

    async def happened(self, event: MachineEvent) -> None:
        """Send what the cloud says of a machine, until the search knows whose it is."""
        body = event.model_dump_json()
        await eventually(lambda: self._known(body))

    async def _known(self, body: str) -> bool:
        return await self._events(_message(body)) == "signalled"

    def calm(self) -> None:
        """Put every lever back."""
        self.provider.full = set()
        self.provider.errors.clear()
        self.provider.lose_answers = 0
        self.github.lose_mint_answers = 0
        self.provider.gate.set()
        self.github.gate.set()


class Job:
    """One job, with the lines of everybody who has to do with it."""

    def __init__(self, fleet: Fleet, job_id: int, labels: tuple[str, ...]) -> None:
        self.fleet, self.job_id, self.labels = fleet, job_id, labels
        self.created_at = datetime.now(UTC)

    @property
    def handle(self) -> WorkflowHandle[RunnerLifecycle, JobOutcome]:
        """Its lifecycle, which there may not be."""
        workflow_id = names.lifecycle(self.job_id)
        return self.fleet.temporal.get_workflow_handle_for(RunnerLifecycle.run, workflow_id)

    def runner(self, attempt: int = 1) -> str:
        """Name its runner of an attempt."""
        return names.runner(self.job_id, attempt)

    @property
    def machines(self) -> list[str]:
        """The machines that were ever made for it, oldest first."""
        owners = list(self.fleet.provider.owners.items())
        return [made for made, runner in owners if self._mine(runner)]

    @property
    def alive(self) -> list[str]:
        """Those of them that would still be paid for."""
        return [made for made in self.machines if made not in self.fleet.provider.gone]

    @property
    def minted(self) -> list[str]:
        """The runners that were ever registered for it, oldest first."""
        return [runner for runner in list(self.fleet.github.minted) if self._mine(runner)]

    @property
    def registered(self) -> list[str]:
        """Those of them that still are."""
        return [runner for runner in list(self.fleet.github.runners) if self._mine(runner)]

    @property
    def orders(self) -> list[MachineOrder]:
        """The tries to create a machine for it, repeats of one try apart."""
        return [one for one in list(self.fleet.provider.orders) if one.job_id == self.job_id]

    @property
    def left(self) -> list[str]:
        """What still exists because of it."""
        secrets = [made for made in self.machines if made in self.fleet.configs.held]
        return [*self.alive, *self.registered, *secrets]

    async def hook(self, name: str, **facts: Any) -> str:
        """Deliver one of the example bodies as if it were of this job; tell the answer's word."""
        usual = {"id": self.job_id, "labels": self.labels, "created_at": _text(self.created_at)}
        answer = await self.fleet.deliver(example(name, **(usual | facts)))
        assert answer.status_code in (HTTPStatus.OK, HTTPStatus.ACCEPTED), answer.text
        return str(answer.json()["result"])

    async def queued(self, **facts: Any) -> str:
        """GitHub says that it waits for a runner."""
        if self.job_id not in self.fleet.github.jobs:
            self.fleet.github.set_job(self.job_id)
        return await self.hook("01-queued", **facts)

    async def in_progress(self, on: str) -> str:
        """GitHub says that a runner has it, which is busy from then on."""
        self._becomes("in_progress", on=on)
        self.fleet.github.busy.add(on)
        return await self.hook("02-in_progress", runner_name=on, started_at=_now())

    async def completed(self, on: str | None = None, *, conclusion: str = "success") -> str:
        """GitHub says that it is over; the runner that had it is no longer registered."""
        self._becomes("completed", on=on, conclusion=conclusion)
        self.fleet.github.forget(on or "")
        facts = {"runner_name": on, "conclusion": conclusion, "completed_at": _now()}
        return await self.hook("03-completed-success", **facts)

    async def cancelled(self) -> str:
        """GitHub says that it was cancelled, and names no runner."""
        self._becomes("completed", conclusion="cancelled")
        return await self.hook("05-cancelled-never-started", completed_at=_now())

    def ends_unheard(self, *, conclusion: str = "cancelled") -> None:
        """It is over at GitHub, and its webhook is lost."""
        self._becomes("completed", conclusion=conclusion)

    async def says(self, kind: ReportKind, *, attempt: int = 1, outcome: str = "") -> None:
        """Its runner's agent reports."""
        said = RunnerReport(
            runner=self.runner(attempt), kind=kind, at=datetime.now(UTC), outcome=outcome
        )
        assert await self.fleet.reported(said) == "signalled"

    async def boots(self, attempt: int = 1) -> str:
        """Wait until its runner's config is there, take it as the agent does, and be ready."""
        machine = await eventually(lambda: self.fleet.configs.of(self.runner(attempt)))
        self.fleet.configs.delete(machine)
        await self.says("ready", attempt=attempt)
        return str(machine)

    async def loses(self, machine: str, cause: str) -> None:
        """The cloud says that a machine is gone."""
        now = datetime.now(UTC)
        event = MachineEvent(machine_id=machine, kind="gone", cause=cause, at=now)
        await self.fleet.happened(event)

    async def runs(self, attempt: int = 1) -> None:
        """Run to a good end on its own runner."""
        await self.boots(attempt)
        await self.in_progress(self.runner(attempt))
        await self.completed(self.runner(attempt))
        await self.says("finished", attempt=attempt, outcome="Succeeded")

    async def heard(self) -> JobOutcome:
        """Wait until its lifecycle has taken in what was said last, and read what it knows."""
        return await self.handle.query(RunnerLifecycle.progress)

    async def outcome(self) -> JobOutcome:
        """Wait for the end of its lifecycle."""
        return await asyncio.wait_for(self.handle.result(), PATIENCE)

    def _mine(self, runner: str) -> bool:
        owner = names.owner(runner)
        return owner is not None and owner[0] == self.job_id

    def _becomes(self, phase: Phase, *, on: str | None = None, conclusion: str = "") -> None:
        """Let GitHub's REST API say the same as its webhook is about to."""
        event = JobEvent(
            job_id=self.job_id,
            phase=phase,
            runner_name=on,
            conclusion=conclusion or None,
            at=datetime.now(UTC),
            source="rest",
        )
        self.fleet.github.set_job(self.job_id, event)


def _message(body: str) -> Message:
    return Message(handle=str(uuid4()), body=body)


def _now() -> str:
    return _text(datetime.now(UTC))


def _text(moment: datetime) -> str:
    return moment.isoformat()
