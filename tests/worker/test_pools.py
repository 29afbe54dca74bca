"""The keeper of pools: a manager for each definition, told when that is another."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from runs_fleet import names, reports
from runs_fleet.errors import Refused
from runs_fleet.models import Policy, RunnerReport
from runs_fleet.pools.definition import PoolDefinition, Targets
from runs_fleet.pools.operators import BEGUN
from runs_fleet.pools.state import PoolState
from runs_fleet.pools.status import PoolStatus
from runs_fleet.pools.stores import MemoryPoolStore
from runs_fleet.pools.wire import PoolSettings
from runs_fleet.ports import Message
from tests.lifecycles import eventually
from tests.pools.managing import Ports, keeping
from tests.pools.worlds import definition
from worker.deliveries import ReportDeliveries
from worker.pools import FilePools, PoolKeeper
from workflows.pool_manager import PoolManager

SECRET = "a secret of the whole fleet"
NONE = Targets()


@dataclass
class Keeping:
    """One test's task queue, and the pools that were begun on it."""

    temporal: Client
    queue: str
    names: list[str] = field(default_factory=list)

    def one(self, **changes: object) -> PoolDefinition:
        """Define a pool whose name is nobody else's."""
        self.names.append(f"p{uuid4().hex[:12]}")
        return definition(**{"name": self.names[-1], "targets": NONE, **changes})

    def keeper(self, *stores: MemoryPoolStore) -> PoolKeeper:
        """Keep what is in these stores."""
        sources = {f"store {number}": store for number, store in enumerate(stores)}
        return PoolKeeper(self.temporal, "ec2", sources, self.queue, call_limit=90.0)

    async def status(self, name: str) -> PoolStatus:
        """Ask a pool."""
        handle = self.temporal.get_workflow_handle(names.pool("ec2", name))
        status: PoolStatus = await handle.query(PoolManager.status)
        return status

    async def configured(self, definition: PoolDefinition) -> None:
        """Give a pool a definition as an operator does."""
        handle = self.temporal.get_workflow_handle(names.pool("ec2", definition.name))
        settings = PoolSettings(definition=definition, by="ops")
        await handle.execute_update(PoolManager.configure, settings)

    async def is_there(self, name: str) -> bool:
        """Tell whether a pool is kept."""
        query = f'WorkflowId="{names.pool("ec2", name)}"'
        return bool((await self.temporal.count_workflows(query)).count)


@pytest_asyncio.fixture
async def kept(temporal: Client) -> AsyncIterator[Keeping]:
    async with keeping(temporal, Ports()) as queue:
        keeping_them = Keeping(temporal, queue)
        yield keeping_them
        begun = [each for each in keeping_them.names if await keeping_them.is_there(each)]
        for name in begun:
            await temporal.get_workflow_handle(names.pool("ec2", name)).terminate()


async def test_every_pool_of_its_mode_gets_a_manager(kept: Keeping) -> None:
    mine, other = kept.one(), kept.one(mode="k8s")
    await kept.keeper(MemoryPoolStore([mine, other])).turn()
    assert (await kept.status(mine.name)).definition == mine
    assert not await kept.is_there(other.name)


async def test_a_manager_is_told_of_another_definition(kept: Keeping) -> None:
    before = kept.one()
    store = MemoryPoolStore([before])
    keeper = kept.keeper(store)
    await keeper.turn()
    store.put(before.model_copy(update={"max": 3}))
    await keeper.turn()
    status = await kept.status(before.name)
    assert status.definition.max == 3
    begun, changed = status.operations
    assert (begun.by, begun.reason) == ("store 0", BEGUN)
    assert (changed.by, changed.reason) == ("store 0", f"max: {before.max} -> 3")


async def test_what_an_operator_has_configured_holds(kept: Keeping) -> None:
    mine = kept.one()
    keeper = kept.keeper(MemoryPoolStore([mine]))
    await keeper.turn()
    await kept.configured(mine.model_copy(update={"max": 2}))
    await keeper.turn()
    assert (await kept.status(mine.name)).definition.max == 2


async def test_it_holds_when_the_worker_begins_anew(kept: Keeping) -> None:
    mine = kept.one()
    store = MemoryPoolStore([mine])
    await kept.keeper(store).turn()
    await kept.configured(mine.model_copy(update={"max": 2}))
    await kept.keeper(store).turn()
    assert (await kept.status(mine.name)).definition.max == 2
    store.put(mine.model_copy(update={"max": 3}))
    await kept.keeper(store).turn()
    assert (await kept.status(mine.name)).definition.max == 3


async def test_a_pool_that_an_operator_has_begun_boots_as_the_workers_machines_do(
    kept: Keeping, temporal: Client
) -> None:
    mine = kept.one()
    begun = PoolState.fresh(mine)
    handle = await temporal.start_workflow(
        PoolManager.run, begun, id=names.pool("ec2", mine.name), task_queue=kept.queue
    )
    keeper = kept.keeper(MemoryPoolStore([mine]))
    keeper.fleet_policy = Policy(boot_timeout=timedelta(minutes=3))
    await keeper.turn()
    assert (await handle.query(PoolManager.status)).boot_limit == timedelta(minutes=3)


async def test_a_worker_with_other_limits_tells_a_pool_that_runs_and_leaves_its_definition(
    kept: Keeping,
) -> None:
    mine = kept.one()
    store = MemoryPoolStore([mine])
    await kept.keeper(store).turn()
    await kept.configured(mine.model_copy(update={"max": 2}))
    keeper = kept.keeper(store)
    keeper.fleet_policy = Policy(max_runtime=timedelta(hours=20))
    await keeper.turn()
    status = await kept.status(mine.name)
    assert (status.definition.max, status.max_runtime) == (2, timedelta(hours=20))
    last = status.operations[-1]
    assert (last.by, last.reason) == ("the workers", "max_runtime: 12:00:00 -> 20:00:00")


async def test_the_first_source_holds(kept: Keeping) -> None:
    mine = kept.one()
    other = mine.model_copy(update={"max": 2})
    await kept.keeper(MemoryPoolStore([other]), MemoryPoolStore([mine])).turn()
    assert (await kept.status(mine.name)).definition == other


async def test_a_definition_that_is_refused_keeps_nothing_else_from_its_pool(
    kept: Keeping,
) -> None:
    wrong, right = kept.one(), kept.one()
    store = MemoryPoolStore([wrong, right])
    keeper = kept.keeper(store)
    await keeper.turn()
    store.put(wrong.model_copy(update={"targets": Targets(hot=99)}))
    store.put(right.model_copy(update={"max": 2}))
    await keeper.turn()
    assert (await kept.status(wrong.name)).definition == wrong
    assert (await kept.status(right.name)).definition.max == 2


@pytest.mark.parametrize("text", ["pools: [{", "pools:\n  - name: x\n    hott: 1\n"])
async def test_a_file_that_cannot_be_read_changes_nothing(
    kept: Keeping, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "pools.yaml"
    path.write_text(text)
    mine = kept.one()
    keeper = kept.keeper(MemoryPoolStore([mine]))
    keeper.sources = {"file": FilePools(path), "store": MemoryPoolStore([mine])}
    await keeper.turn()
    assert (await kept.status(mine.name)).definition == mine
    with pytest.raises(Refused):
        FilePools(path).load()


async def test_what_a_members_agent_says_goes_to_its_pool(kept: Keeping, temporal: Client) -> None:
    mine = kept.one()
    await kept.keeper(MemoryPoolStore([mine])).turn()
    member = names.member(mine.name, "abcdef", 1)
    report = RunnerReport(runner=member, kind="standing_by", at=datetime.now(UTC))
    body = reports.seal(report, runner_key=reports.key(SECRET, member))
    deliver = ReportDeliveries(temporal, secret=SECRET)
    assert await deliver(Message(handle="1", body=body)) == "signalled"
    handle = temporal.get_workflow_handle(names.pool("ec2", mine.name))

    async def heard() -> bool:
        # While the manager takes a turn, Temporal keeps signals for the history's next event.
        return '"signalName": "report"' in (await handle.fetch_history()).to_json()

    assert await eventually(heard)
