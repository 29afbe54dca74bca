"""What the rooms need of the world outside, and what happens when it is already so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from runs_fleet.models import (
    JobEvent,
    Machine,
    MachineEvent,
    MachineOrder,
    MachineStatus,
    Registration,
    Scope,
)
from runs_fleet.notices import Notice, Way
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.registering import TokenRegistration
from runs_fleet.releases import RunnerFacts


@dataclass(frozen=True)
class JitRunner:
    """A freshly minted registration and its secret; never leaves the activity that made it."""

    runner_id: int
    runner: str
    jit_config: str = field(repr=False)


@dataclass(frozen=True)
class RunnerConfig:
    """What one machine's agent is told, through the config store. Secret as a whole.

    `report_key` signs this runner's reports for the queue at `reports`; limits are seconds. With
    `standby` a runner without a job stands by again; with `registration` there is no JIT config.
    """

    runner: str
    jit_config: str = field(repr=False)
    report_key: str = field(repr=False)
    reports: str
    idle_limit: float
    max_runtime: float
    standby: StandbyConfig | None = None
    registration: TokenRegistration | None = None


@dataclass(frozen=True)
class Message:
    """One queue message: its text and the handle that acknowledges it.

    Messages of one `group` are in order; "" where the queue keeps none.
    """

    handle: str
    body: str
    receives: int = 1
    sent_at: datetime | None = None
    group: str = ""


@dataclass(frozen=True)
class MachineNews:
    """What became of a machine; `routine` ends are how all of them end, and mostly no news."""

    event: MachineEvent
    routine: bool = False


@dataclass(frozen=True)
class Letter:
    """One message to send; `group` keeps order, `key` tells repeats, where the queue can."""

    body: str
    group: str
    key: str


class Provider(Protocol):
    """One place to run jobs."""

    def create(self, order: MachineOrder) -> Machine:
        """Create the runner's machine, or find the one that this order's token made before.

        Raises NoCapacity when this rung is full, Refused when it never can be.
        """
        ...

    def terminate(self, runner: str, machine_id: str | None = None) -> bool:
        """Remove the runner's machines, all that bear its name; already gone is a success.

        Returns whether any machine was seen: a create whose answer was lost may show late.
        """
        ...

    def describe(self, machine_ids: Sequence[str]) -> list[MachineStatus]:
        """Tell the state of machines and their runners' names; unknown ones are left out."""
        ...

    def find(self, runner: str) -> list[MachineStatus]:
        """Tell the state of the runner's machines; ended ones while the cloud remembers them."""
        ...


class ConfigStore(Protocol):
    """Where a machine finds its runner's config, by its own machine id."""

    def store(self, machine_id: str, config: RunnerConfig) -> None:
        """Write the config; one that is there is replaced. Raises Refused when it cannot fit."""
        ...

    def fetch(self, machine_id: str) -> RunnerConfig | None:
        """Read the config, or None while there is none."""
        ...

    def delete(self, machine_id: str) -> None:
        """Remove the config; already gone is a success."""
        ...


class GitHub(Protocol):
    """GitHub's REST API, as far as runners need it."""

    def mint(self, scope: Scope, runner: str, labels: Sequence[str]) -> JitRunner:
        """Register an ephemeral JIT runner with exactly these labels. Raises NameTaken."""
        ...

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        """Look a registration up by name, or None."""
        ...

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        """Remove a registration; already gone is a success. Raises RunnerBusy."""
        ...

    def job(self, scope: Scope, job_id: int) -> JobEvent:
        """Ask what became of a job. Raises NotThere."""
        ...

    def rerun_job(self, scope: Scope, job_id: int, *, asked: bool = False) -> None:
        """Run a concluded job once more, as a new job with a new id.

        With `asked` an answer may have got lost: what runs again already is a success.
        """
        ...


class Notices(Protocol):
    """Where people look who wait for their job."""

    def post(self, notice: Notice) -> Way:
        """Show a notice, or find that it is there; returns how.

        Raises Refused when we may not, or the commit is not there.
        """
        ...


class Inbox(Protocol):
    """A queue as its reader sees it."""

    def read(self) -> list[Message]:
        """Wait for messages, some seconds at the most; an empty list is a normal answer."""
        ...

    def ack(self, handles: Sequence[str]) -> None:
        """Remove handled messages; already removed is a success."""
        ...


class Outbox(Protocol):
    """A queue as an agent sees it."""

    def send(self, body: str, *, group: str, key: str) -> None:
        """Send one message; `group` keeps order, `key` tells repeats, where the queue can."""
        ...


class BatchOutbox(Protocol):
    """A queue as somebody sees it who has much to send."""

    def send_batch(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send up to ten messages at once; returns those that the queue did not take."""
        ...


class Telemetry(Protocol):
    """Where dashboards and other programs follow the fleet."""

    def runner_released(self, facts: RunnerFacts) -> None:
        """Write down how a runner went; twice if in doubt.

        Raises nothing and takes a second at the most: what cannot be written is logged and lost.
        """
        ...


class MachineWatch(Protocol):
    """What happens to machines, where the cloud is watched and sends no messages.

    Of several watches only one has news at a time. What it had told before it began to watch anew
    it may tell again.
    """

    def read(self) -> list[MachineNews]:
        """Wait for news, a moment at the most; an empty list is a normal answer."""
        ...

    def close(self) -> None:
        """Leave the watch to others; nothing is read any more."""
        ...
