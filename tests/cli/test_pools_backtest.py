"""`runs-fleet pools backtest` and `arrivals`: jobs that came, replayed against a file."""

import itertools
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import Worker
from typer.testing import CliRunner

from cli.pools_arrivals import arrival, came
from runs_fleet import names
from runs_fleet.__main__ import app
from runs_fleet.outcomes import JobOutcome, Timings
from runs_fleet.pools import arrivals
from runs_fleet.pools.arrivals import Arrival
from simulator.temporal import TemporalServer
from tests.cli.conftest import Command, Ended
from tests.connecting import connected
from tests.lifecycles import eventually
from workflows import attributes

NINE = datetime(2026, 11, 26, 9, tzinfo=UTC)
FILE = """\
pools:
- {name: default, mode: ec2, spec: {cpu: 4}, max: 10, targets: {hot: %s}}
"""
JOB_IDS = itertools.count(7_700_000)


def backtest(*arguments: str, given: str | None = None) -> Ended:
    command = ["pools", "backtest", *arguments]
    ended = CliRunner().invoke(app, command, input=given, catch_exceptions=False)
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture
def week() -> str:
    """Jobs of an hour, one every ten minutes."""
    return arrivals.write(
        Arrival(
            queued_at=NINE + number * timedelta(minutes=10),
            duration=timedelta(minutes=5),
            repo="octo/hello",
            pool="default",
        )
        for number in range(7)
    )


@pytest.fixture
def warm(tmp_path: Path) -> str:
    path = tmp_path / "warm.yaml"
    path.write_text(FILE % 1)
    return str(path)


@pytest.fixture
def cold(tmp_path: Path) -> str:
    path = tmp_path / "cold.yaml"
    path.write_text(FILE % 0)
    return str(path)


def test_two_files_are_compared(warm: str, cold: str, week: str, tmp_path: Path) -> None:
    (tmp_path / "week.csv").write_text(week)
    jobs = str(tmp_path / "week.csv")
    ended = backtest(cold, "--arrivals", jobs, "--compare", warm, "--assume", "cold=90s")
    assert ended.status == 0
    assert "7 jobs of 0.0 days, from 2026-11-26 09:00 UTC" in ended.out
    assert "cold 100 %" in ended.out
    assert "hot 100 %" in ended.out
    assert "p50 90 s becomes 6 s, p95 90 s becomes 6 s, and it costs $" in ended.out


def test_scripts_read_outcomes_as_json(warm: str, week: str) -> None:
    ended = backtest(warm, "--arrivals", "-", "--json", given=week)
    (pool, everything) = json.loads(ended.out)[warm]
    assert (ended.status, pool["pool"], pool["served"]) == (0, "default", {"hot": 7})
    assert everything["p95"] == 6


@pytest.mark.parametrize(
    ("assumed", "said"),
    [
        ("clod=3s", "unknown assumption 'clod'; did you mean 'cold'?; known: listening, hot"),
        ("cold=3", "'cold=3': '3' is no length of time"),
        ("price=-1", "'price=-1': a price is 0 or more"),
        ("price=nan", "'price=nan': a price is 0 or more"),
    ],
)
def test_what_cannot_be_assumed_is_refused(warm: str, week: str, assumed: str, said: str) -> None:
    ended = backtest(warm, "--arrivals", "-", "--assume", assumed, given=week)
    assert (ended.status, said in ended.err) == (1, True)


@pytest.mark.parametrize(("given", "said"), [("", "names no queued_at"), ("[]", "no jobs in -")])
def test_arrivals_that_are_none_are_refused(warm: str, given: str, said: str) -> None:
    ended = backtest(warm, "--arrivals", "-", given=given)
    assert (ended.status, said in ended.err) == (1, True)


def test_a_file_that_is_wrong_is_told_as_lint_tells_it(tmp_path: Path, week: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(FILE % 11)
    ended = backtest(str(path), "--arrivals", "-", given=week)
    assert (ended.status, ended.err.startswith(f"{path}:2:")) == (1, True)
    assert "pools[0].targets: 11 members are more than max 10" in ended.err


def outcome(**timings: datetime) -> JobOutcome:
    told = Timings.model_validate({"queued": NINE, "delivered": NINE, **timings})
    return JobOutcome(job_id=1, repo="octo/hello", state="completed", timings=told)


def test_a_job_that_never_ran_is_no_arrival() -> None:
    assert arrival(outcome(completed=NINE), "default") is None


def test_a_job_lasts_from_its_start_to_its_end() -> None:
    ran = outcome(started=NINE + timedelta(minutes=1), completed=NINE + timedelta(minutes=4))
    assert arrival(ran, "default") == Arrival(
        queued_at=NINE, duration=timedelta(minutes=3), repo="octo/hello", pool="default"
    )


@workflow.defn(name="RunnerLifecycle", sandboxed=False)
class Told:
    """A lifecycle that is over as soon as it begins."""

    @workflow.run
    async def run(self, told: JobOutcome) -> JobOutcome:
        return told


@pytest.fixture(scope="module")
def temporal_server() -> Iterator[TemporalServer]:
    """A server of their own: an export reads all jobs that there are."""
    with TemporalServer() as server:
        yield server


@pytest_asyncio.fixture
async def temporal(temporal_server: TemporalServer) -> Client:
    return await connected(temporal_server.address)


@pytest_asyncio.fixture
async def ran(temporal: Client) -> AsyncIterator[str]:
    """The pool of a job that Temporal remembers."""
    job_id = next(JOB_IDS)
    pool = f"p-{job_id}"
    shown = TypedSearchAttributes([SearchAttributePair(attributes.POOL, pool)])
    async with Worker(temporal, task_queue=pool, workflows=[Told]):
        handle = await temporal.start_workflow(
            Told.run,
            outcome(started=NINE, completed=NINE + timedelta(minutes=4)),
            id=names.lifecycle(job_id),
            task_queue=pool,
            search_attributes=shown,
        )
        await handle.result()
        yield pool


async def test_jobs_are_exported_from_temporals_memory(
    temporal: Client, command: Command, ran: str, tmp_path: Path
) -> None:
    async def seen() -> list[Arrival]:
        found = await came(temporal, datetime.now(UTC) - timedelta(days=1))
        return [each for each in found if each.pool == ran]

    (found,) = await eventually(seen)
    assert found.duration == timedelta(minutes=4)
    ended = await command("pools", "arrivals", "-o", str(tmp_path / "jobs.csv"))
    assert (ended.status, "jobs are in" in ended.err) == (0, True)
    assert found in arrivals.read((tmp_path / "jobs.csv").read_text())
