"""Where an agent runs, as far as it needs to know."""

from typing import Protocol

from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import RunnerConfig


class Host(Protocol):
    """The machine or pod around the agent; all methods raise FleetError while it is deaf."""

    def machine_id(self) -> str:
        """Name the machine as its provider does."""
        ...

    def config(self) -> RunnerConfig | StandbyConfig | None:
        """Read what this machine is told, or None while that is nothing.

        Raises Refused when there is one that cannot be read.
        """
        ...

    def called(self, address: str) -> bool:
        """Wait there to be called, some seconds at the most; tell whether it was."""
        ...

    def remove_config(self) -> None:
        """Take the config away from everybody; already gone is a success."""
        ...

    def notice(self) -> str | None:
        """Tell the provider's announcement that the machine will be taken, or None."""
        ...

    def end(self) -> None:
        """Have the machine removed; already on its way is a success."""
        ...
