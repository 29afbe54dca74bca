"""Whether a worker finds its Temporal there."""

from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from simulator.temporal import TemporalServer
from worker import reach
from worker.reach import Reach


async def test_a_temporal_that_serves_is_there(temporal: Client) -> None:
    await Reach(temporal)()


async def test_a_temporal_that_went_away_is_missed_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "FRESH", 0)
    with TemporalServer(database=tmp_path / "temporal.db") as server:
        there = Reach(await Client.connect(server.address))
        await there()
        server.stop()
        with pytest.raises(RPCError):
            await there()
        server.start()
        await there()
