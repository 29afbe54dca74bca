"""Keeps a manager for every pool that is defined, and gives it the definition that holds."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import TemporalError

from runs_fleet.errors import FleetError, Unavailable
from runs_fleet.models import Mode, Policy
from runs_fleet.pools import file, rules
from runs_fleet.pools.definition import EphemeralPolicy, PoolDefinition
from runs_fleet.pools.state import DEFAULT_POLICY
from runs_fleet.pools.wire import PoolSettings
from worker import managers
from worker.ephemeral import EphemeralPools
from workflows.pool_manager import PoolManager

EVERY = 60.0
CALL_LIMIT = 10.0
AWAY = (TemporalError, TimeoutError)

log = logging.getLogger(__name__)


class Definitions(Protocol):
    """Where definitions can be read."""

    def load(self) -> Sequence[PoolDefinition]: ...


@dataclass
class FilePools:
    """The pools of a `pools.yaml`, and its `policy` of ephemeral ones as it was last read."""

    path: Path
    policy: EphemeralPolicy | None = field(default=None, init=False)

    def load(self) -> Sequence[PoolDefinition]:
        """Read the file anew. Raises Refused with every mistake, Unavailable without the file."""
        try:
            text = self.path.read_text()
        except OSError as error:
            raise Unavailable(f"{self.path} cannot be read: {error.strerror}") from error
        found = file.read(text)
        self.policy = found.ephemeral
        return found.pools


@dataclass
class PoolKeeper:
    """Runs beside the worker; of two definitions of one pool the first source's holds.

    A source that cannot be read takes no pool away, and one that is removed from it stays until
    it is drained. What an operator has configured holds until the definition there is another.
    Jobs may call for the pools that the policy of `file`, one of the sources, allows.
    """

    temporal: Client
    mode: Mode
    sources: Mapping[str, Definitions]
    task_queue: str
    every: float = EVERY
    call_limit: float = CALL_LIMIT
    file: FilePools | None = None
    fleet_policy: Policy = DEFAULT_POLICY
    _told: dict[str, PoolDefinition] = field(default_factory=dict, init=False)
    _unread: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._ephemeral = EphemeralPools(
            self.temporal, self.mode, self.task_queue, self.fleet_policy
        )

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.turn()
            await asyncio.sleep(self.every)

    async def close(self) -> None:
        """Nothing is left to be done."""

    async def turn(self) -> None:
        """See to every pool once; what fails is for the next turn."""
        wanted = await self._wanted()
        for definition, source in wanted.values():
            if self._is_wrong(definition, source):
                continue
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
        policy = self.file.policy if self.file else None
        # What cannot be read may define any pool, and then no job calls for it.
        if policy is not None and not self._unread:
            await self._look_for_calls(policy, wanted)

    def _is_wrong(self, definition: PoolDefinition, source: str) -> bool:
        """Whether it breaks the rules, as one may that was kept by hand; that is said once."""
        wrong = "; ".join(map(str, rules.mistakes(definition)))
        if wrong and self._told.get(definition.name) != definition:
            self._told[definition.name] = definition
            facts = {"pool": definition.name, "source": source, "reason": wrong}
            log.warning("pool refuses its definition", extra=facts)
        return bool(wrong)

    async def _look_for_calls(self, policy: EphemeralPolicy, defined: Collection[str]) -> None:
        try:
            await self._ephemeral.look(policy, defined)
        except AWAY as error:
            reason = str(error) or "no answer"
            log.warning("calls for pools not looked for", extra={"reason": reason})

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
        manager = await managers.begin(
            self.temporal, definition, task_queue=self.task_queue, policy=self.fleet_policy
        )
        if self._told.get(definition.name) == definition:
            return
        policy, status = self.fleet_policy, await manager.query(PoolManager.status)
        # What it was told before, even by another worker, an operator may have changed since.
        if status.sourced != definition:
            settings = PoolSettings(definition=definition, by=source, source=True, policy=policy)
            await manager.execute_update(PoolManager.configure, settings)
            log.info("pool configured", extra={"pool": definition.name, "source": source})
        elif (status.boot_limit, status.max_runtime) != (policy.boot_timeout, policy.max_runtime):
            settings = PoolSettings(
                definition=status.definition, by="the workers", policy=policy, policy_alone=True
            )
            await manager.execute_update(PoolManager.configure, settings)
        self._told[definition.name] = definition
