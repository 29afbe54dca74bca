"""An API that is told to end in a burst: each delivery is answered, or nobody took it."""

import asyncio
import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from runs_fleet import names
from simulator.temporal import TemporalServer
from tests.api.conftest import NEWEST
from tests.api.test_process import ApiProcess
from tests.deploy.burst import LOST, REFUSED, SENDERS, Burst

FIRST_JOBS = (71_000_000 + 1000 * number for number in itertools.count())
MANY = 100
# Longer than an idle connection may linger, far shorter than an orchestrator's patience.
DRAIN = 5.0


@pytest.fixture
def api(temporal: Client, temporal_server: TemporalServer, tmp_path: Path) -> Iterator[ApiProcess]:
    running = ApiProcess(temporal_server.address, tmp_path / "log")
    running.until(lambda: running.status("/ready") == 200)
    yield running
    running.close()


@pytest.mark.parametrize("keeping", [False, True], ids=["new connections", "kept connections"])
async def test_what_is_sent_is_answered_and_what_is_answered_is_kept(
    api: ApiProcess, temporal: Client, *, keeping: bool
) -> None:
    burst = Burst(
        int(api.http.base_url.port or 0), NEWEST, first_job=next(FIRST_JOBS), keeping=keeping
    )
    await asyncio.to_thread(ended_amid, burst, api)
    assert burst.became[LOST] == 0
    assert burst.became == {"202": len(burst.taken), REFUSED: SENDERS}
    known = await asyncio.gather(
        *(temporal.get_workflow_handle(names.lifecycle(job)).describe() for job in burst.taken)
    )
    assert len(known) >= MANY


def ended_amid(burst: Burst, api: ApiProcess) -> None:
    """Tell the API to end in the middle of a burst, and wait until it has."""
    with burst.sending():
        api.until(lambda: len(burst.taken) >= MANY)
        told = time.monotonic()
        api.process.send_signal(signal.SIGTERM)
    assert api.process.wait(DRAIN) == 0
    assert time.monotonic() - told < DRAIN
