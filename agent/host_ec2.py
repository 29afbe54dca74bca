"""The agent's machine when it is an EC2 instance."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from agent.imds import Metadata
from runs_fleet.ports import ConfigStore, RunnerConfig


class Terminator(Protocol):
    """What ends a machine by its id."""

    def terminate(self, machine_id: str) -> None:
        """Raises FleetError; already gone is a success."""
        ...


class Ec2Host:
    """One EC2 instance.

    Store and terminator come as functions: making an AWS client takes longer than most of what
    the agent does, and needs a region that only the metadata may know.
    """

    def __init__(
        self,
        metadata: Metadata,
        *,
        store: Callable[[], ConfigStore],
        terminator: Callable[[], Terminator],
    ) -> None:
        self._metadata = metadata
        self._make_store = store
        self._make_terminator = terminator

    def machine_id(self) -> str:
        return self._id

    def config(self) -> RunnerConfig | None:
        return self._store.fetch(self._id)

    def remove_config(self) -> None:
        self._store.delete(self._id)

    def notice(self) -> str | None:
        return self._metadata.spot_notice()

    def end(self) -> None:
        self._terminator.terminate(self._id)

    @cached_property
    def _id(self) -> str:
        return self._metadata.instance_id()

    @cached_property
    def _store(self) -> ConfigStore:
        return self._make_store()

    @cached_property
    def _terminator(self) -> Terminator:
        return self._make_terminator()
