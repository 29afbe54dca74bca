"""The sweep keeps how jobs went, on a real Temporal server."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.archive import ArchiveActivities, EndedLifecycles, archive_activities
from runs_fleet import sweeping
from runs_fleet.census import Owners, Part, SweepLimits, SweepReport, SweepRequest, SweepState
from runs_fleet.errors import Refused, Unavailable
from runs_fleet.sweep_ports import Archive
from tests.sweep.archives import MemoryArchive, MemoryEnded
from tests.sweep.fakes import Outside
from tests.sweep.worlds import serving, swept
from workflows.memory import FIRST_LOOK, OVERLAP
from workflows.sweep import Sweep

NUMBERS = itertools.count(1)
EARLIER = datetime.now(UTC) - timedelta(hours=2)
MINUTE = timedelta(minutes=1)


class Keeper:
    """Sweeps again and again, with an archive."""

    def __init__(self, temporal: Client, queue: str) -> None:
        self._temporal, self.queue, self.state = temporal, queue, SweepState()

    async def sweep(self, *, most: int = 250, dry_run: bool = False) -> Part:
        """Run one sweep; returns what it says of the archive."""
        limits = SweepLimits(outcomes=most)
        wanted = SweepRequest(archive=True, limits=limits, dry_run=dry_run, state=self.state)
        report = await self.report(wanted)
        self.state = report.state
        return next(each for each in report.parts if each.name == "archive")

    async def report(self, wanted: SweepRequest) -> SweepReport:
        """Run one sweep; returns what it says."""
        name = f"sweep-archive-{next(NUMBERS)}"
        return await self._temporal.execute_workflow(
            Sweep.run, wanted, id=name, task_queue=self.queue
        )


@pytest.fixture
def ended() -> MemoryEnded:
    return MemoryEnded()


@pytest.fixture
def archive() -> MemoryArchive:
    return MemoryArchive()


@pytest_asyncio.fixture
async def keeper(
    temporal: Client, ended: MemoryEnded, archive: MemoryArchive
) -> AsyncIterator[Keeper]:
    queue = f"sweep-archive-{next(NUMBERS)}"
    activities = [*swept(Outside()), *archive_activities(ArchiveActivities(ended, archive))]
    async with serving(temporal, queue, activities):
        yield Keeper(temporal, queue)


def counts(part: Part) -> tuple[int, int, int]:
    return part.looked, part.repaired, part.failed


def test_the_fakes_are_the_ports(ended: MemoryEnded, archive: MemoryArchive) -> None:
    lifecycles: EndedLifecycles = ended
    port: Archive = archive
    assert (lifecycles, port) == (ended, archive)


async def test_what_has_ended_is_kept_once(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {job: EARLIER for job in range(1, 121)}
    part = await keeper.sweep()
    assert counts(part) == (120, 120, 0)
    assert part.last_success is not None
    assert part.actions[0] == "keep how 50 jobs went, from 1 to 50"
    assert sorted(archive.kept) == list(range(1, 121))
    assert counts(await keeper.sweep()) == (0, 0, 0)
    assert sorted(ended.read) == list(range(1, 121))


async def test_a_sweep_goes_on_where_the_last_one_has_left_off(
    keeper: Keeper, ended: MemoryEnded
) -> None:
    await keeper.sweep()
    await keeper.sweep()
    first, second = ended.calls
    assert first.since == first.until - FIRST_LOOK
    assert second.since == first.until - OVERLAP


async def test_what_the_search_showed_late_is_kept_without_reading_the_rest_again(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    lately = datetime.now(UTC) - timedelta(seconds=1)
    ended.closed = {1: lately}
    await keeper.sweep()
    ended.closed[2] = lately
    assert counts(await keeper.sweep()) == (1, 1, 0)
    assert ended.read == [1, 2]
    assert sorted(archive.kept) == [1, 2]


async def test_no_run_keeps_more_than_its_share_and_none_is_left_out(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {job: EARLIER + job * timedelta(seconds=1) for job in range(1, 11)}
    parts = [await keeper.sweep(most=4) for _ in range(4)]
    assert max(part.looked for part in parts) == 4
    assert sorted(archive.kept) == list(range(1, 11))
    assert sorted(ended.read) == list(range(1, 11))


async def test_a_dry_run_tells_how_many_there_are(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {job: EARLIER for job in range(1, 61)}
    assert counts(await keeper.sweep(dry_run=True)) == (60, 60, 0)
    assert archive.kept == {}
    assert keeper.state == SweepState()


async def test_an_outcome_that_cannot_be_read_is_tried_again(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {1: EARLIER, 2: EARLIER}
    ended.unreadable = {2: Unavailable("no worker answers")}
    part = await keeper.sweep()
    assert counts(part) == (2, 1, 1)
    assert "job 2 went: no worker answers" in part.error
    assert part.last_success is None
    assert counts(await keeper.sweep()) == (1, 0, 1)
    ended.unreadable = {}
    assert counts(await keeper.sweep()) == (1, 1, 0)
    assert sorted(archive.kept) == [1, 2]
    assert keeper.state.suspects["archive"] == {}


async def test_an_outcome_that_the_archive_refuses_keeps_no_other_from_it(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {1: EARLIER, 2: EARLIER, 3: EARLIER}
    archive.errors = {2: Refused("too long")}
    assert counts(await keeper.sweep()) == (3, 2, 1)
    assert sorted(archive.kept) == [1, 3]


async def test_while_there_is_no_archive_nothing_is_left_behind(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed = {job: EARLIER for job in range(1, 61)}
    archive.error = Refused("ResourceNotFoundException")
    part = await keeper.sweep()
    assert counts(part) == (60, 0, 2)
    assert "ResourceNotFoundException" in part.error
    archive.error = None
    assert counts(await keeper.sweep()) == (60, 60, 0)


async def test_a_search_that_fails_leaves_nothing_behind(
    keeper: Keeper, ended: MemoryEnded, archive: MemoryArchive
) -> None:
    ended.closed, ended.error = {1: EARLIER}, Refused("no search")
    assert counts(await keeper.sweep()) == (0, 0, 1)
    ended.error = None
    assert counts(await keeper.sweep()) == (1, 1, 0)
    assert list(archive.kept) == [1]


async def test_what_temporal_has_forgotten_meanwhile_is_no_failure(
    keeper: Keeper, ended: MemoryEnded
) -> None:
    ended.closed, ended.forgotten = {1: EARLIER}, {1}
    assert counts(await keeper.sweep()) == (1, 0, 0)


async def test_without_an_archive_there_is_no_such_part(keeper: Keeper, ended: MemoryEnded) -> None:
    report = await keeper.report(SweepRequest())
    assert "archive" not in {part.name for part in report.parts}
    assert ended.calls == []


async def test_a_worker_without_archive_says_so(ended: MemoryEnded) -> None:
    with pytest.raises(ApplicationError, match="has no archive") as raised:
        await ArchiveActivities(ended, None).archive_outcomes(Owners(job_ids=(1,)))
    assert raised.value.non_retryable


def test_what_fails_for_an_hour_is_given_up() -> None:
    failed = {"1": EARLIER, "2": EARLIER + 90 * MINUTE}
    assert sweeping.worth_trying(failed, EARLIER + 120 * MINUTE) == {"2": failed["2"]}


def test_batches_hold_everything_in_order() -> None:
    assert sweeping.batches([1, 2, 3, 4, 5], 2) == [(1, 2), (3, 4), (5,)]
    assert sweeping.batches([], 2) == []
