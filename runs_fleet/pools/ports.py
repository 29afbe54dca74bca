"""What pools need of the world outside, and what happens when it is already so."""

from collections.abc import Sequence
from typing import Protocol

from runs_fleet.models import RunnerSpec
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.wire import (
    MemberLaunched,
    MemberOrder,
    MemberStatus,
    PlaceholderFacts,
    PlaceholderOrder,
)


class WarmMachines(Protocol):
    """Machines that a pool keeps, where machines can wait (EC2)."""

    def launch(self, order: MemberOrder) -> MemberLaunched:
        """Launch a member on demand, with a standby config, or find the one its token launched.

        Raises NoCapacity, Refused.
        """
        ...

    def take(self, machine_id: str, *, runner: str, start: bool, repo: str = "") -> None:
        """Mark a member as this runner's, for a job of `repo`, and start it if it is stopped.

        Raises NoCapacity when it cannot start now or is gone, Refused when it bears the mark of
        another runner, Unavailable while it is still stopping.
        """
        ...

    def stop(self, machine_id: str) -> None:
        """Stop a member; stopping, stopped and gone are a success. A runner's is Refused."""
        ...

    def remove(self, member: str, machine_id: str | None) -> bool:
        """Terminate a member's machines and what belongs to them. Returns whether any was seen."""
        ...

    def members(self, pool: str) -> list[MemberStatus]:
        """List the pool's machines, ended ones while the cloud shows them; for reconciling only."""
        ...

    def site(self, spec: RunnerSpec) -> str:
        """Name what a machine of this spec is made of beside it: a new image, another name."""
        ...

    def wake(self, address: str) -> None:
        """Tell an agent that stands by of its config; an address that is gone is a success."""
        ...


class Placeholders(Protocol):
    """Pods that keep room for runners, and volumes that runners lease (Kubernetes)."""

    def keep(self, order: PlaceholderOrder) -> PlaceholderFacts:
        """Make the cluster have what is ordered, and tell what it has. Raises Refused."""
        ...


class PoolStore(Protocol):
    """Where definitions of pools are kept, when no pool is there to ask."""

    def load(self) -> Sequence[PoolDefinition]:
        """Read all definitions. Raises Refused when one cannot be read, naming it."""
        ...

    def put(self, definition: PoolDefinition) -> None:
        """Keep a definition, instead of the one of the same name.

        Raises Refused when somebody else has changed that one since it was loaded here.
        """
        ...

    def remove(self, name: str) -> None:
        """Forget a definition; already forgotten is a success."""
        ...
