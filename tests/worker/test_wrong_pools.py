"""A definition that breaks the rules begins no pool, whoever has put it into the store."""

import logging

import pytest
from temporalio.client import Client

from runs_fleet.pools.definition import Targets
from runs_fleet.pools.stores import MemoryPoolStore
from tests.pools.worlds import definition
from worker.pools import PoolKeeper


async def test_a_wrong_definition_is_told_once_and_reaches_no_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nowhere = await Client.connect("127.0.0.1:1", lazy=True)
    store = MemoryPoolStore([definition(targets=Targets(hot=9), max=3)])
    keeper = PoolKeeper(nowhere, "ec2", {"store": store}, "runs-fleet")
    caplog.set_level(logging.WARNING, logger="worker.pools")
    await keeper.turn()
    await keeper.turn()
    [record] = caplog.records
    assert record.message == "pool refuses its definition"
    assert "9 members are more than max 3" in vars(record)["reason"]
