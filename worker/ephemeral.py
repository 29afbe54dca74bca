"""Calls pools into being that open jobs name and nobody has defined, where that is allowed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from runs_fleet import names
from runs_fleet.errors import Refused
from runs_fleet.models import JobRequest, Mode, Policy, RunnerSpec
from runs_fleet.pools import ephemeral, rules
from runs_fleet.pools.definition import EphemeralPolicy, PoolDefinition
from runs_fleet.pools.state import DEFAULT_POLICY
from worker import managers
from workflows import attributes

CALL_LIMIT = timedelta(seconds=10)
LOOK_LIMIT = 60.0
MOST_JOBS = 500
# How many pools one look sees to, each a call, and how many jobs' histories it reads for each.
MOST_POOLS = 50
MOST_TRIED = 5
LONG_AGO = datetime.min.replace(tzinfo=UTC)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """An open job that names a pool which nobody seems to keep."""

    pool: str
    repo: str
    began_at: datetime
    found: WorkflowExecution


@dataclass
class _Look:
    """One look: what holds, how many ephemeral pools there are, and why others may not be."""

    policy: EphemeralPolicy
    open_pools: int
    refusals: set[str] = field(default_factory=set)
    seen_to: int = 0


@dataclass
class EphemeralPools:
    """Looks for jobs that call for pools; several workers that do so at once are harmless.

    The oldest job comes first, so that workers that see the same do the same. What the search does
    not show yet is found by a look at the manager itself.
    """

    temporal: Client
    mode: Mode
    task_queue: str
    fleet_policy: Policy = DEFAULT_POLICY
    _refused: set[str] = field(default_factory=set, init=False)

    async def look(self, policy: EphemeralPolicy, defined: Collection[str]) -> None:
        """Begin the pools that jobs call for; `defined` ones are none of them."""
        async with asyncio.timeout(LOOK_LIMIT):
            kept = [each async for each in managers.kept(self.temporal, self.mode)]
            there = {each.name for each in kept if each.ephemeral}.difference(defined)
            look = _Look(policy, len(there))
            callers = self._callers({*defined, *(each.name for each in kept)})
            for _, jobs in _by_pool([each async for each in callers]):
                await self._see_to(look, jobs)
        # What is refused again and again is said once.
        for reason in sorted(look.refusals - self._refused):
            log.warning("ephemeral pool refused", extra={"mode": self.mode, "reason": reason})
        self._refused = look.refusals

    async def _callers(self, known: Collection[str]) -> AsyncIterator[Caller]:
        """List the newest open jobs that name other pools than those that are known."""
        # Quoted, because MODE is also a word of SQL.
        query = (
            'WorkflowType="RunnerLifecycle" AND ExecutionStatus="Running"'
            f' AND `{attributes.MODE.name}`="{self.mode}" AND {attributes.POOL.name} IS NOT NULL'
        )
        if known:
            listed = ", ".join(f'"{name}"' for name in sorted(known))
            query += f" AND {attributes.POOL.name} NOT IN ({listed})"
        found = self.temporal.list_workflows(query, limit=MOST_JOBS, rpc_timeout=CALL_LIMIT)
        async for each in found:
            pool = each.typed_search_attributes.get(attributes.POOL) or ""
            repo = each.typed_search_attributes.get(attributes.REPO) or ""
            yield Caller(pool, repo, each.start_time, each)

    async def _see_to(self, look: _Look, jobs: Iterable[Caller]) -> None:
        """Begin one pool, if one of the jobs that name it may call for it."""
        permitted = [each for each in jobs if self._may(look, each)]
        if not permitted or look.seen_to >= MOST_POOLS:
            return
        look.seen_to += 1
        if (since := await self._gone_since(look, permitted[0].pool)) is None:
            return
        # Jobs that were there before it ended have been served, or have gone without it.
        later = [each for each in permitted if each.began_at > since]
        for caller in later[:MOST_TRIED]:
            if await self._call(look, caller):
                return

    def _may(self, look: _Look, caller: Caller) -> bool:
        """Tell, before its history is read, whether a job may call for its pool at all."""
        try:
            self._called(look, caller.repo, RunnerSpec(pool=caller.pool))
        except Refused as refusal:
            look.refusals.add(str(refusal))
            return False
        return True

    def _called(self, look: _Look, repo: str, spec: RunnerSpec) -> PoolDefinition:
        return ephemeral.called(look.policy, repo, spec, mode=self.mode, open_pools=look.open_pools)

    async def _gone_since(self, look: _Look, pool: str) -> datetime | None:
        """Return when a pool ended, long ago where it never was; None while somebody keeps it."""
        manager = self.temporal.get_workflow_handle(names.pool(self.mode, pool))
        try:
            found = await manager.describe(rpc_timeout=CALL_LIMIT)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return LONG_AGO
            raise
        if found.status is not WorkflowExecutionStatus.RUNNING:
            return found.close_time or LONG_AGO
        look.open_pools += await managers.is_ephemeral(found)
        return None

    async def _call(self, look: _Look, caller: Caller) -> bool:
        """Begin a pool of the machines that a job asks for; false when there is none of these."""
        request = await self._request(caller.found)
        try:
            definition = self._called(look, request.scope.repo, request.spec or RunnerSpec())
            _check(definition)
        except Refused as refusal:
            look.refusals.add(str(refusal))
            return False
        await managers.begin(
            self.temporal, definition, task_queue=self.task_queue, policy=self.fleet_policy
        )
        look.open_pools += 1
        facts = {"pool": caller.pool, "job_id": request.job_id, "repo": caller.repo}
        log.info("ephemeral pool called into being", extra=facts)
        return True

    async def _request(self, found: WorkflowExecution) -> JobRequest:
        """Read what a lifecycle was started with: the first thing in its history."""
        handle = self.temporal.get_workflow_handle(found.id, run_id=found.run_id)
        events = handle.fetch_history_events(page_size=1, rpc_timeout=CALL_LIMIT)
        first = await anext(events)
        payloads = first.workflow_execution_started_event_attributes.input.payloads
        [request] = await self.temporal.data_converter.decode(list(payloads), [JobRequest])
        assert isinstance(request, JobRequest), "it is the input of every lifecycle"
        return request


def _by_pool(callers: Iterable[Caller]) -> list[tuple[str, list[Caller]]]:
    """Put the jobs of each pool together; pools and jobs with the oldest first."""
    by_age = sorted(callers, key=lambda each: (each.began_at, each.found.id))
    grouped = groupby(sorted(by_age, key=lambda each: each.pool), key=lambda each: each.pool)
    pools = [(pool, list(jobs)) for pool, jobs in grouped]
    return sorted(pools, key=lambda each: each[1][0].began_at)


def _check(definition: PoolDefinition) -> None:
    """Hold it to the rules of every definition; its spec is as a job's label has it."""
    if wrong := rules.mistakes(definition):
        said = "; ".join(map(str, wrong))
        raise Refused(f"pool {definition.name!r} does not come into being: {said}")
