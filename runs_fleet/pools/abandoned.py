"""Members of pools that nobody keeps any more, as a sweep sees them: models and rules only."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from runs_fleet import names
from runs_fleet.census import OwnedMachine, OwnerState
from runs_fleet.models import Mode, Registration, Scope, Wire


class Pools(Wire):
    """Pools of a mode, by name."""

    mode: Mode
    names: tuple[str, ...]


class PoolStates(Wire):
    """Whether each pool has somebody who keeps it; all that were asked for."""

    states: dict[str, OwnerState]


class Abandoned(Wire):
    """A pool's member that nobody keeps; it may be registered at any of these places."""

    machine: OwnedMachine
    scopes: tuple[Scope, ...]


class Keepers(Protocol):
    """Those who keep pools, as whoever stands outside of them sees them. Raises Unavailable."""

    async def keepers(self, mode: Mode, pools: Collection[str]) -> dict[str, OwnerState]:
        """Tell for sure which pools somebody keeps."""
        ...


def unmarked(
    machines: Iterable[OwnedMachine], *, now: datetime, min_age: timedelta
) -> list[OwnedMachine]:
    """List the members of pools, old enough, that no job has taken."""
    return [
        machine
        for machine in machines
        if machine.member and not machine.runner and machine.launched_at <= now - min_age
    ]


def abandoned(
    members: Iterable[OwnedMachine], states: Mapping[str, OwnerState]
) -> list[OwnedMachine]:
    """List those whose pool surely has nobody who keeps it."""
    return [each for each in members if states.get(each.pool) in ("closed", "absent")]


def registered_as(registration: Registration, member: str) -> bool:
    """Tell whether a registration is one that a pool made for its member."""
    found = names.pool_of(registration.runner)
    return found is not None and found[1] == member
