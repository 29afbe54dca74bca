"""The agent's machine when it is an EC2 instance."""

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

from agent.imds import Metadata
from runs_fleet.pools.standby import StandbyConfig
from runs_fleet.ports import Inbox, RunnerConfig


class Store(Protocol):
    """Where machines find what they are told."""

    def told(self, machine_id: str) -> RunnerConfig | StandbyConfig | None:
        """Raises FleetError; None while it is nothing."""
        ...

    def delete(self, machine_id: str) -> None:
        """Raises FleetError; already gone is a success."""
        ...


class Terminator(Protocol):
    """What ends a machine by its id."""

    def terminate(self, machine_id: str) -> None:
        """Raises FleetError; already gone is a success."""
        ...


class Ec2Host:
    """One EC2 instance.

    Store, terminator and the queue to be called by come as functions: making an AWS client takes
    longer than most of what the agent does, and needs a region that only the metadata may know.
    """

    def __init__(
        self,
        metadata: Metadata,
        *,
        store: Callable[[], Store],
        terminator: Callable[[], Terminator],
        calls: Callable[[str], Inbox],
    ) -> None:
        self._metadata = metadata
        self._make_store = store
        self._make_terminator = terminator
        self._make_inbox = calls
        self._inboxes: dict[str, Inbox] = {}

    def machine_id(self) -> str:
        return self._id

    def config(self) -> RunnerConfig | StandbyConfig | None:
        return self._store.told(self._id)

    def called(self, address: str) -> bool:
        """Wait for a message; nobody removes it, as the queue gives each out once."""
        if address not in self._inboxes:
            self._inboxes[address] = self._make_inbox(address)
        return bool(self._inboxes[address].read())

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
    def _store(self) -> Store:
        return self._make_store()

    @cached_property
    def _terminator(self) -> Terminator:
        return self._make_terminator()
