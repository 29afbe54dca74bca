"""Keeps a manager for every pool that is defined, and gives it the definition that holds."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import (
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
)
from temporalio.exceptions import TemporalError

from runs_fleet import names
from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.models import Mode
from runs_fleet.pools import file
from runs_fleet.pools.definition import PoolDefinition
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.wire import PoolSettings
from workflows import attributes
from workflows.pool_manager import PoolManager

EVERY = 60.0
CALL_LIMIT = 10.0
AWAY = (TemporalError, TimeoutError)
Manager = WorkflowHandle[PoolManager, None]

log = logging.getLogger(__name__)


class Definitions(Protocol):
    """Where definitions can be read."""

    def load(self) -> Sequence[PoolDefinition]: ...


@dataclass(frozen=True)
class FilePools:
    """The pools of a `pools.yaml`."""

    path: Path

    def load(self) -> Sequence[PoolDefinition]:
        """Read the file anew. Raises Refused with every mistake, Unavailable without the file."""
        try:
            text = self.path.read_text()
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be read: {error.strerror}") from error
        return file.read(text).pools


@dataclass
class PoolKeeper:
    """Runs beside the worker; of two definitions of one pool the first source's holds.

    A source that cannot be read takes no pool away, and one that is removed from it stays until
    it is drained. What an operator has configured holds until the definition there is another.
    """

    temporal: Client
    mode: Mode
    sources: Mapping[str, Definitions]
    task_queue: str
    every: float = EVERY
    call_limit: float = CALL_LIMIT
    _told: dict[str, PoolDefinition] = field(default_factory=dict, init=False)
    _unread: dict[str, str] = field(default_factory=dict, init=False)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(self.every)

    async def close(self) -> None:
        """Nothing is left to be done."""

    async def turn(self) -> None:
        """See to every pool once; what fails is for the next turn."""
        for definition, source in (await self._wanted()).values():
            try:
                async with asyncio.timeout(self.call_limit):
                    await self._keep(definition, source)
            except WorkflowUpdateFailedError as refusal:
                self._told[definition.name] = definition
                facts = {"pool": definition.name, "source": source, "reason": str(refusal.cause)}
                log.warning("pool refuses its definition", extra=facts)
            except AWAY as error:
                facts = {"pool": definition.name, "reason": str(error) or "no answer"}
                log.warning("pool not seen to", extra=facts)

    async def _wanted(self) -> dict[str, tuple[PoolDefinition, str]]:
        """Read all sources; each pool of this mode with the first that defines it."""
        found: dict[str, tuple[PoolDefinition, str]] = {}
        for source, definitions in self.sources.items():
            for definition in await self._read(source, definitions):
                # An ephemeral one begins with a job, and has ended when it is not there.
                if definition.mode == self.mode and not definition.ephemeral:
                    found.setdefault(definition.name, (definition, source))
        return found

    async def _read(self, source: str, definitions: Definitions) -> Sequence[PoolDefinition]:
        try:
            read = await asyncio.to_thread(definitions.load)
        except FleetError as error:
            if self._unread.get(source) != str(error):
                log.warning("pools not read", extra={"source": source, "reason": str(error)})
            self._unread[source] = str(error)
            return ()
        self._unread.pop(source, None)
        return read

    async def _keep(self, definition: PoolDefinition, source: str) -> None:
        """Begin the manager if need be, and tell it a definition that it was not told yet."""
        manager = await self._begun(definition)
        if self._told.get(definition.name) == definition:
            return
        status = await manager.query(PoolManager.status)
        if status.definition != definition:
            settings = PoolSettings(definition=definition, by=source)
            await manager.execute_update(PoolManager.configure, settings)
            log.info("pool configured", extra={"pool": definition.name, "source": source})
        self._told[definition.name] = definition

    async def _begun(self, definition: PoolDefinition) -> Manager:
        pairs: list[SearchAttributePair[str]] = [
            SearchAttributePair(attributes.POOL, definition.name),
            SearchAttributePair(attributes.MODE, definition.mode),
        ]
        return await self.temporal.start_workflow(
            PoolManager.run,
            PoolState(definition=definition),
            id=names.pool(definition.mode, definition.name),
            task_queue=self.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=TypedSearchAttributes(pairs),
            static_summary=f"pool {definition.name} of {definition.mode}",
        )
