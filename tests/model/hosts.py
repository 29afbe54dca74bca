"""A machine in the model, and where it and its agent are heard."""

from collections.abc import Callable
from dataclasses import dataclass

from runs_fleet.models import Machine, MachineEvent, RunnerReport
from runs_fleet.ports import RunnerConfig
from tests.model.github import Job, Registered


@dataclass
class Host:
    """One machine with its agent."""

    machine: Machine
    runner: str
    born: float
    visible_at: float
    alive: bool = True
    ended_at: float | None = None
    taken: bool = False
    booted: bool = False
    config: RunnerConfig | None = None
    registered: Registered | None = None
    job: Job | None = None
    result: str = ""
    noticed: bool = False


@dataclass
class Told:
    """Where agents' and the cloud's words go."""

    report: Callable[[RunnerReport], None]
    event: Callable[[str, MachineEvent], None]
    log: Callable[..., None]
