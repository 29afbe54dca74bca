"""What a sweep needs of the world outside, and what happens when it is already so."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from runs_fleet.census import HeldConfig, OwnedMachine, OwnerState, Roll, RollCall, WaitingJob
from runs_fleet.hooks import DeliveryPage, Hook
from runs_fleet.models import MachineEvent, Registration, Scope
from runs_fleet.outcomes import JobOutcome


class Inventory(Protocol):
    """All that the fleet has in its cloud, as a sweep needs it."""

    def machines(self) -> list[OwnedMachine]:
        """List the machines with our tags that have not ended."""
        ...

    def configs(self) -> list[HeldConfig]:
        """List the configs that wait for their machines, without reading them."""
        ...

    def terminate(self, machine_id: str) -> None:
        """Remove this one machine and no other; already gone is a success."""
        ...


class Archive(Protocol):
    """How jobs went, for when Temporal has forgotten them."""

    def put(self, outcome: JobOutcome) -> None:
        """Keep an outcome for some weeks; one that is kept already stays as it is."""
        ...

    def get(self, job_id: int) -> JobOutcome | None:
        """Look an outcome up; None when it was never kept, or is too old."""
        ...


class SweptGitHub(Protocol):
    """GitHub's lists, and what a sweep does about them.

    A sweep comes last: everything raises RateLimited while little of the hour's calls is left.
    """

    def scope(self, repo: str) -> Scope:
        """Find where a repository's runners register, and its installation. Raises Refused."""
        ...

    def place(self, scope: Scope) -> str:
        """Name the organization or repository at which runners of this scope register."""
        ...

    def deliveries(self, hook: Hook, cursor: str) -> DeliveryPage:
        """List a hook's deliveries, newest first, from a cursor on; one call."""
        ...

    def redeliver(self, hook: Hook, delivery_id: int) -> None:
        """Have a delivery sent once more. Raises NotThere."""
        ...

    def registrations(self, scope: Scope) -> Iterator[Sequence[Registration]]:
        """List all runners of a place, a page for each call."""
        ...

    def waiting_jobs(self, scope: Scope) -> Iterator[Sequence[WaitingJob]]:
        """List a repository's queued jobs that carry our label, some for each call."""
        ...

    def find_runner(self, scope: Scope, runner: str) -> Registration | None:
        """Look a registration up by name, or None."""
        ...

    def delete_runner(self, scope: Scope, runner_id: int) -> None:
        """Remove a registration; already gone is a success. Raises RunnerBusy."""
        ...


class Lifecycles(Protocol):
    """The lifecycles, as whoever stands outside of them sees them. Raises Unavailable."""

    async def roll(self, call: RollCall) -> Roll:
        """List the open ones, and the scopes of those begun lately, as the search shows them."""
        ...

    async def states(self, job_ids: Collection[int]) -> dict[int, OwnerState]:
        """Tell for sure which are open."""
        ...

    async def progress(self, job_id: int) -> JobOutcome | None:
        """Ask one what happened so far; None when it is not open."""
        ...

    async def tell(self, job_id: int, event: MachineEvent) -> bool:
        """Tell one what became of its machine; false when it is not open."""
        ...
