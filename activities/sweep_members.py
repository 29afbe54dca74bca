"""Looks for members of pools that nobody keeps, and takes them away."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from activities.sweeps import works
from activities.verdicts import verdicts
from runs_fleet.census import Removal
from runs_fleet.models import Scope
from runs_fleet.names import pool_of
from runs_fleet.pools.abandoned import Abandoned, Keepers, Pools, PoolStates, registered_as
from runs_fleet.ports import ConfigStore
from runs_fleet.sweep_ports import Inventory, SweptGitHub


class MemberActivities:
    """Holds the ports; decides nothing."""

    def __init__(
        self,
        keepers: Keepers,
        configs: ConfigStore,
        *,
        inventory: Inventory,
        github: SweptGitHub,
    ) -> None:
        self._keepers, self._configs = keepers, configs
        self._inventory, self._github = inventory, github

    @activity.defn
    async def look_up_pools(self, wanted: Pools) -> PoolStates:
        """Tell for sure which pools somebody keeps."""
        with verdicts():
            return PoolStates(states=await self._keepers.keepers(wanted.mode, wanted.names))

    @activity.defn
    def remove_member(self, found: Abandoned) -> Removal:
        """Remove whatever its pool registered, and only when nobody can give it a job, the machine.

        A member that works has a job, and that came from one of these places.
        """
        machine_id, looked = found.machine.machine_id, set[str]()
        with verdicts():
            # Placeholders and volumes, unlike machines, are never registered.
            for scope in found.scopes if pool_of(found.machine.member) else ():
                place = self._github.place(scope)
                if place not in looked and self._listens(scope, found.machine.member):
                    return Removal(busy=True)
                looked.add(place)
            self._configs.delete(machine_id)
            self._inventory.terminate(machine_id)
            return Removal()

    def _listens(self, scope: Scope, member: str) -> bool:
        """Deregister what is a member's at one place, or learn that it works."""
        return any(
            works(self._github, scope, each)
            for page in self._github.registrations(scope)
            for each in page
            if registered_as(each, member)
        )


def member_activities(members: MemberActivities) -> list[Callable[..., Any]]:
    """List what the part of a sweep calls that is about pools."""
    return [members.look_up_pools, members.remove_member]
